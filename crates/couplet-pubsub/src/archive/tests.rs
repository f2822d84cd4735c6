use super::*;
use crate::{
    change::Change,
    memory,
    node::Affiliation,
    store::suite::{
        Shared, affiliate, announce_to_subscribers, claim, create, model, node, publish, run,
        subscribe,
    },
};

async fn filled() -> Shared {
    let store = memory::store();
    for name in ["news", "\u{1f980}\n\"quoted\""] {
        create(&store, name).await;
        let mut changes = vec![affiliate("owner@example.org", Affiliation::Owner)];
        changes.extend(
            (0..1_203).map(|number| subscribe(&format!("u{number}@x/r"), &format!("s{number}"))),
        );
        changes.extend((0..61).map(|number| publish(&number.to_string())));
        changes.extend((0..41).map(|_| announce_to_subscribers()));
        run(&store, name, changes).await;
    }
    create(&store, "gone").await;
    let redirect = Some("xmpp:there".to_owned());
    let delete = Change::Delete { redirect };
    run(
        &store,
        "gone",
        vec![subscribe("a@x", "s"), delete, announce_to_subscribers()],
    )
    .await;
    store
}

async fn exported(store: &Shared) -> String {
    let mut lines = Vec::new();
    let mut seen = Vec::new();
    let moved = export(&**store, &mut lines, |records| {
        seen.push(records);
        ControlFlow::Continue(())
    })
    .await
    .unwrap();
    assert!(seen.is_sorted());
    assert_eq!(seen.last(), Some(&moved.records));
    String::from_utf8(lines).unwrap()
}

async fn imported(
    store: &Shared,
    lines: &str,
    into: ImportTarget,
) -> Result<ArchiveStats, ArchiveError> {
    import(&**store, lines.as_bytes(), into, |_| {
        ControlFlow::Continue(())
    })
    .await
}

#[tokio::test]
async fn an_archive_holds_everything() {
    let store = filled().await;
    let lines = exported(&store).await;
    let other = memory::store();
    let moved = imported(&other, &lines, ImportTarget::Empty).await.unwrap();
    assert_eq!(moved.left_out, 0);
    assert_eq!(lines.lines().count() as u64, moved.records + 2);
    assert_eq!(exported(&other).await, lines);
    model::look_the_same(&store, &other).await;
    assert_eq!(
        claim(&other, "a", 0).await.len(),
        claim(&store, "a", 0).await.len()
    );
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn an_archive_moves_a_store_into_a_file_and_back() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = filled().await;
    let lines = exported(&store).await;
    let path = folder.path().join("pubsub.db");
    let file = crate::sqlite::open(&path).await.unwrap();
    imported(&file, &lines, ImportTarget::Empty).await.unwrap();
    model::look_the_same(&store, &file).await;
    assert_eq!(exported(&file).await, lines);
    let new_id = create(&file, "fresh").await;
    assert!(new_id.id > node(&file, "news").await.id);
}

#[cfg(all(feature = "sqlite", feature = "postgres"))]
#[tokio::test]
async fn an_archive_moves_a_file_into_a_database() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = filled().await;
    let file = crate::sqlite::open(&folder.path().join("pubsub.db"))
        .await
        .unwrap();
    imported(&file, &exported(&store).await, ImportTarget::Empty)
        .await
        .unwrap();
    let lines = exported(&file).await;
    let server = couplet_test::Postgres::start().await.unwrap();
    let database = crate::postgres::open(&server.socket_url(), None)
        .await
        .unwrap();
    imported(&database, &lines, ImportTarget::Empty)
        .await
        .unwrap();
    model::look_the_same(&store, &database).await;
    assert_eq!(exported(&database).await, lines);
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_not_empty_accepts_an_archive_on_request_only() {
    let lines = exported(&filled().await).await;
    let store = memory::store();
    create(&store, "news").await;
    run(&store, "news", vec![publish("mine")]).await;
    let error = imported(&store, &lines, ImportTarget::Empty).await;
    assert!(matches!(error, Err(ArchiveError::NotEmpty)), "{error:?}");
    let moved = imported(&store, &lines, ImportTarget::Whatever)
        .await
        .unwrap();
    assert_eq!(moved.left_out, 1 + 1 + 1_203 + 61 + 41);
    assert_eq!(node(&store, "news").await.items, 1);
    assert_eq!(node(&store, "\u{1f980}\n\"quoted\"").await.items, 61);
}

#[tokio::test]
async fn a_truncated_archive_is_an_error() {
    let lines = exported(&filled().await).await;
    let without_end = lines.trim_end().rsplit_once('\n').unwrap().0.to_owned() + "\n";
    let half_a_line = &lines[..lines.len() / 2];
    for cut in [&*without_end, half_a_line, ""] {
        let error = imported(&memory::store(), cut, ImportTarget::Empty).await;
        assert!(matches!(error, Err(ArchiveError::CutOff)), "{error:?}");
    }
    let gap = lines.replacen(
        "{\"record\":{\"redirect\":",
        "\n{\"record\":{\"redirect\":",
        1,
    );
    let gap: Vec<&str> = gap
        .lines()
        .filter(|line| !line.contains("redirect\":"))
        .collect();
    let error = imported(
        &memory::store(),
        &(gap.join("\n") + "\n"),
        ImportTarget::Empty,
    )
    .await;
    assert!(matches!(error, Err(ArchiveError::Line(..))), "{error:?}");
}

#[tokio::test]
async fn what_is_no_archive_or_a_newer_one_is_refused_by_line() {
    let newer = "{\"couplet_pubsub\":{\"version\":2}}\n";
    let begun = "{\"couplet_pubsub\":{\"version\":1}}\n";
    for (lines, told) in [
        ("hello\n".to_owned(), "line 1: "),
        (
            "{\"end\":{\"records\":0}}\n".to_owned(),
            "line 1: this is not the first line of an archive",
        ),
        (
            newer.to_owned(),
            "line 1: written by a newer version of this program",
        ),
        (format!("{begun}{{\"record\":{{}}}}\n"), "line 2: "),
        (
            format!("{begun}{{\"end\":{{\"records\":3}}}}\n"),
            "line 2: 3 records were written",
        ),
    ] {
        let error = imported(&memory::store(), &lines, ImportTarget::Empty)
            .await
            .unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with(told), "{error}");
    }
}

#[tokio::test]
async fn no_part_of_an_archive_is_larger_than_a_page() {
    let store = filled().await;
    let mut largest = 0;
    let mut nodes = Walk::new(DumpPosition::Nodes(None), MANY);
    let all = nodes.next(&*store).await.unwrap().unwrap();
    let Record::Node { node, .. } = &all[0] else {
        panic!("{all:?}");
    };
    let mut total = 0;
    for (mark, max) in parts_of(node.id) {
        let mut part = Walk::new(mark, max);
        while let Some(found) = part.next(&*store).await.unwrap() {
            assert!(found.len() <= max as usize);
            largest = largest.max(found.len());
            total += found.len();
        }
    }
    assert_eq!((largest, total), (500, 1 + 1_203 + 61 + 41));
}

#[tokio::test]
async fn an_import_that_is_stopped_ends_between_nodes_and_can_go_on() {
    let store = filled().await;
    let lines = exported(&store).await;
    let other = memory::store();
    let stopped = import(&*other, lines.as_bytes(), ImportTarget::Empty, |_| {
        ControlFlow::Break(())
    });
    let stopped = stopped.await.unwrap_err();
    // One node, its owner, and all its records.
    let of_a_node = 1 + 1 + 1_203 + 61 + 41;
    assert!(
        matches!(stopped, ArchiveError::Stopped(records) if records == of_a_node),
        "{stopped:?}"
    );
    let moved = imported(&other, &lines, ImportTarget::Whatever)
        .await
        .unwrap();
    assert_eq!(moved.left_out, of_a_node);
    model::look_the_same(&store, &other).await;
}

#[tokio::test]
async fn an_export_that_is_stopped_is_not_whole() {
    let store = filled().await;
    let mut lines = Vec::new();
    let stopped = export(&*store, &mut lines, |_| ControlFlow::Break(()));
    assert!(matches!(stopped.await, Err(ArchiveError::Unfinished)));
    let lines = String::from_utf8(lines).unwrap();
    let error = imported(&memory::store(), &lines, ImportTarget::Empty).await;
    assert!(matches!(error, Err(ArchiveError::CutOff)), "{error:?}");
}

/// Returns the archive of a node with an item and an announcement, and the same with one
/// replacement.
async fn with(this: &str, other: &str) -> String {
    let store = memory::store();
    create(&store, "news").await;
    run(
        &store,
        "news",
        vec![publish("1"), announce_to_subscribers()],
    )
    .await;
    let lines = exported(&store).await;
    assert!(lines.contains(this), "{lines}");
    lines.replace(this, other)
}

#[tokio::test]
async fn a_line_that_would_break_out_of_its_message_is_refused_with_its_number() {
    let item = "<entry xmlns='urn:example:entry'>1</entry>";
    let event = "<event xmlns='http://jabber.org/protocol/pubsub#event'/>";
    for (this, other, line) in [
        (
            item,
            "</item></items></event></message><message to='evil@l'/>",
            3,
        ),
        (item, "</stream:stream>", 3),
        (item, "<a>\\u0000</a>", 3),
        (item, "<a></b>", 3),
        (event, "</message><message to='evil@l'/>", 4),
        (event, "<event>", 4),
        ("\"id\":\"1\"", "\"id\":\"1\\u0000\"", 3),
        ("\"name\":\"news\"", "\"name\":\"n\\u0001\"", 2),
        ("\"body\":\"News\"", "\"body\":\"\\u0000\"", 4),
        ("\"node\":{\"id\":1,", "\"node\":{\"id\":-1,", 2),
    ] {
        let lines = with(this, other).await;
        let error = imported(&memory::store(), &lines, ImportTarget::Empty).await;
        assert!(
            matches!(&error, Err(ArchiveError::Line(number, _)) if *number == line),
            "{other}: {error:?}"
        );
    }
}

/// Such characters are lost when the text is escaped, and break the redirect.
#[tokio::test]
async fn a_redirection_and_the_texts_of_a_node_are_checked_too() {
    let store = memory::store();
    create(&store, "news").await;
    let config = crate::node::NodeConfig {
        title: Some("News".to_owned()),
        ..crate::node::NodeConfig::default()
    };
    let configure = Change::Configure(Box::new(config));
    run(&store, "news", vec![configure, subscribe("a@x", "sub-1")]).await;
    create(&store, "gone").await;
    let redirect = Some("xmpp:there".to_owned());
    run(&store, "gone", vec![Change::Delete { redirect }]).await;
    let lines = exported(&store).await;
    for text in ["\"News\"", "\"sub-1\"", "\"xmpp:there\""] {
        assert!(lines.contains(text), "{text}: {lines}");
        let broken = lines.replace(text, "\"\\u0000\"");
        let error = imported(&memory::store(), &broken, ImportTarget::Empty).await;
        assert!(
            matches!(&error, Err(ArchiveError::Line(..))),
            "{text}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_second_archive_behind_the_first_is_not_passed_over() {
    let lines = with("news", "news").await;
    let twice = format!("{lines}{lines}");
    let error = imported(&memory::store(), &twice, ImportTarget::Empty).await;
    let count = lines.lines().count() as u64;
    assert!(
        matches!(&error, Err(ArchiveError::Line(number, why)) if *number == count + 1 && why.contains("follow the end")),
        "{error:?}"
    );
    let blank = format!("{lines}\n \n");
    imported(&memory::store(), &blank, ImportTarget::Empty)
        .await
        .unwrap();
}
