//! Recognises the software of the server from what it sends.

/// The server software that a component is connected to.
///
/// # Examples
///
/// ```
/// use couplet::error::Software;
///
/// assert_eq!(Software::by_stream_id("4711"), Some(Software::Ejabberd));
/// assert_eq!(Software::by_stream_id("x"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Software {
    /// Prosody.
    Prosody,
    /// ejabberd.
    Ejabberd,
}

impl Software {
    /// Recognises the software by the `id` of its stream header: Prosody writes a UUID, ejabberd a
    /// decimal number (servers.md, 2). `None` for every other form.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::error::Software;
    ///
    /// let id = "5c7cbd46-2ed4-4a62-a8f2-6c9e7bdbdd14";
    /// assert_eq!(Software::by_stream_id(id), Some(Software::Prosody));
    /// ```
    pub fn by_stream_id(id: &str) -> Option<Software> {
        let is_uuid = id.len() == 36
            && id.split('-').map(str::len).eq([8, 4, 4, 4, 12])
            && id
                .bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
        if is_uuid {
            Some(Software::Prosody)
        } else if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
            Some(Software::Ejabberd)
        } else {
            None
        }
    }

    /// Recognises the software by the text of a stream error at login.
    pub(super) fn by_text(text: &str) -> Option<Software> {
        let of_prosody = [
            "Given token does not match",
            "does not match any configured external components",
            "Component already connected",
            "Replaced by a new connection",
        ];
        if of_prosody.iter().any(|words| text.contains(words)) {
            Some(Software::Prosody)
        } else if text.contains("Unable to register route") {
            Some(Software::Ejabberd)
        } else {
            None
        }
    }
}
