//! The list of scenarios, with the servers that each is for.

/// Calls `$run!(module name)` for each scenario of a server: `memory`, `prosody`, `prosody_13`,
/// `ejabberd` or `ejabberd_24`. A scenario for a server also runs on its later version. The
/// scenarios of one topic are in one module, so that `cargo test reconnect` runs all of them.
///
/// Without brackets a scenario is for all servers; otherwise the list says why.
#[macro_export]
macro_rules! every_scenario {
    ($run:ident on $server:ident) => {
        $crate::each_on! { $run $server
            guarantees {
                the_reader_waits_for_bytes_and_for_nothing_else
                every_get_and_set_gets_exactly_one_answer
                no_response_is_answered
                within_one_conversation_handlers_run_one_at_a_time_in_order
                a_request_is_resolved_only_by_the_peer_that_was_asked
                nothing_leaves_with_a_foreign_or_missing_from
                every_queue_has_a_size_every_wait_a_deadline_every_task_an_owner
                no_stanza_a_stranger_can_send_ends_the_stream_or_the_process
            }
            hostile {
                a_priority_of_999_is_ignored
                a_bogus_show_is_ignored
                a_presence_of_unknown_type_is_a_bad_request
                a_message_of_unknown_type_is_a_normal_one
                a_message_with_two_threads_is_read
                an_error_with_an_unknown_condition_is_not_answered
                a_get_without_payload_is_a_bad_request
                a_get_with_two_payloads_is_a_bad_request
                an_iq_without_id_is_a_bad_request
                an_iq_of_unknown_type_is_a_bad_request
                an_address_that_does_not_parse_is_malformed
                four_thousand_levels_are_refused
                thirty_thousand_levels_are_refused
                a_body_of_64_mebibytes_is_refused
                thirty_thousand_elements_are_refused
                a_picture_in_an_attribute_is_no_reason_to_refuse_a_message
                sixty_quotations_in_each_other_are_no_reason_to_refuse_a_message
                two_hundred_attributes_are_no_reason_to_refuse_a_message
                an_attribute_of_5_mebibytes_is_refused
                ten_thousand_attributes_are_refused
            }
            addresses {
                a_domain_may_be_configured_in_capital_letters
                what_servers_take_as_a_domain_is_one
                [memory] because "real servers do not let users have such addresses" {
                    a_response_goes_to_exactly_the_address_that_came
                }
                [memory prosody] because "ejabberd refuses what is newer than Unicode 3.2" {
                    letters_newer_than_unicode_3_2_are_answered
                }
                [memory ejabberd] because "Prosody maps them on the way" {
                    letters_that_stringprep_maps_are_answered
                }
                [ejabberd] because "others prepare it on the way" {
                    an_own_address_is_known_however_it_is_typed
                }
            }
            manners {
                a_reply_keeps_type_thread_and_language
                a_message_without_type_is_replied_to
                a_text_without_a_handler_is_rejected_with_refuse_texts
                a_reply_comes_from_the_address_that_was_written_to
                a_bare_sender_is_replied_to
                an_echo_does_not_answer_everything
                characters_that_xml_forbids_do_not_end_the_stream
            }
            messages {
                every_message_has_an_id_that_send_returns
                a_chat_handler_is_given_nothing_but_text
                an_invitation_is_given_to_the_handler_of_messages
                an_encrypted_chat_is_answered_once_that_it_cannot_be_read
                a_correction_names_the_message_it_replaces
                the_text_of_a_reply_is_without_its_quote
                a_room_gets_no_reply_to_the_bots_own_message
                available_presence_is_never_answered_with_an_error
            }
            features {
                disco_lists_what_is_registered
                disco_items_are_those_that_the_app_names
                an_empty_node_counts_as_no_node
                requests_of_clients_for_unsupported_features_are_rejected
                contact_addresses_are_listed
                ping_version_time_and_uptime_are_answered
                the_address_of_a_bot_is_online_for_last_activity
                a_feature_that_is_switched_off_is_not_there
                discovery_itself_can_be_switched_off
                the_app_may_answer_instead_of_a_feature
            }
            bot {
                a_command_is_read_from_a_chat
                a_command_is_a_form_of_the_client
                a_question_and_a_form_outlive_a_restart
                a_job_is_kept_through_a_restart_and_runs_once
            }
            contact {
                service_discovery_says_that_it_is_a_bot
                a_subscription_is_accepted_with_presence_avatar_and_nickname
                a_probe_is_answered_to_the_device_that_came
                a_store_of_subscribers_outlives_the_program
                who_unsubscribes_gets_no_presence_any_more
                subscribers_see_it_leave
                [memory] because "users of real servers are offline after its end" {
                    subscribers_see_it_again_after_a_reconnect
                }
                vcard_avatar_and_nickname_are_answered_on_request
                its_nodes_can_only_be_read
                a_receipt_and_a_marker_come_before_the_reply
                what_middleware_rejects_gets_no_receipt
                a_reply_to_a_correction_corrects_the_earlier_reply
                only_addresses_that_the_program_names_are_contacts
                handlers_of_the_program_win_over_the_contact
                contacts_can_be_switched_off
            }
            routing {
                the_most_exact_handler_takes_a_message
                an_error_is_seen_by_its_own_handler_only
                the_most_exact_handler_takes_a_presence
                a_fallback_takes_the_iqs_without_a_handler
                each_handler_may_have_its_own_deadline
                an_error_contains_what_its_handler_chose
            }
            handle {
                a_request_gets_the_response_of_the_peer
                a_handler_may_send_a_request_to_its_own_sender
                many_addresses_act_on_behalf_of_their_owners
                presence_is_announced_at_each_login
                a_subscription_is_answered_by_its_handler
                what_is_too_large_does_not_leave
            }
            overload {
                a_million_tiny_stanzas_of_one_sender_leave_room_for_another
                a_flood_for_a_slow_handler_is_rejected_beyond_its_lane
                a_flood_to_many_addresses_leaves_room_for_another_sender
                a_handler_that_lets_go_of_its_stanza_leaves_room_for_more
                a_handler_that_panics_a_hundred_times_is_called_again
                a_handler_that_floods_leaves_room_for_others
                one_byte_per_packet_is_enough
                two_rejecting_components_do_not_answer_each_other_for_ever
                [ejabberd] because "no other server does it" {
                    what_is_for_another_component_is_dropped
                }
                [memory] because "a server reads the addresses before it forwards" {
                    addresses_that_do_not_parse_are_reported_where_possible
                }
            }
            reconnect {
                after_a_crash_of_the_server_the_component_reconnects
                after_a_graceful_stop_of_the_server_the_component_reconnects
                ten_crashes_in_a_row_lose_nothing_that_was_queued
                requests_fail_at_once_when_the_connection_is_lost
                [memory] because "no real server does it on demand, or an hour is too long" {
                    a_stream_that_is_not_well_formed_is_opened_again
                }
            }
            shutdown {
                a_graceful_stop_lets_handlers_finish_and_runs_the_goodbye_hooks
                a_graceful_stop_does_not_wait_for_a_keepalive
                a_component_without_a_server_stops_too
            }
            login {
                a_wrong_secret_ends_the_run_with_the_lines_to_paste
                an_unknown_domain_ends_the_run_with_the_lines_to_paste
                an_unreachable_server_is_waited_for
                several_domains_live_in_one_process
                [memory prosody] because "ejabberd forgets nobody and lets everybody in" {
                    a_second_instance_waits_until_the_first_is_gone
                    an_instance_that_is_replaced_ends
                }
                [ejabberd] because "Prosody has one plain TCP connection for a domain" {
                    two_instances_serve_together_and_either_may_stop
                    the_connection_may_be_encrypted
                    a_server_that_cannot_prove_its_name_gets_no_login
                    the_connection_may_be_a_unix_socket
                }
                [memory] because "no real server does it on demand, or an hour is too long" {
                    a_rejection_after_having_been_online_is_retried
                }
            }
            keepalive {
                a_self_ping_comes_back_from_every_server
                [memory prosody] because "ejabberd forgets no component" {
                    a_server_that_has_forgotten_us_is_logged_in_to_again
                }
                [ejabberd] because "the module of Prosody drops nothing" {
                    a_self_ping_comes_back_where_mod_privilege_is_loaded
                }
                [memory] because "no real server does it on demand, or an hour is too long" {
                    a_silent_server_is_disconnected
                    a_quiet_connection_lasts
                    a_server_that_answers_no_more_self_pings_is_disconnected
                    a_peers_messages_do_not_hide_missing_answers
                    a_server_that_never_answered_a_self_ping_is_kept
                    missing_answers_prove_nothing_beside_another_instance
                }
            }
            backpressure {
                [memory] because "no real server does it on demand, or an hour is too long" {
                    what_a_server_does_not_read_is_bounded
                }
            }
        }
    };
}

/// Generates a module of tests for each topic.
#[doc(hidden)]
#[macro_export]
macro_rules! each_on {
    ($run:ident $server:ident) => {};
    ($run:ident $server:ident $module:ident { $($entries:tt)* } $($rest:tt)*) => {
        mod $module {
            $crate::each_of! { $run $server $module $($entries)* }
        }
        $crate::each_on! { $run $server $($rest)* }
    };
}

/// Selects the scenarios of one server from a topic.
#[doc(hidden)]
#[macro_export]
macro_rules! each_of {
    ($run:ident $server:ident $module:ident) => {};
    ($run:ident $server:ident $module:ident $on:tt because $why:literal { $($name:ident)* } $($rest:tt)*) => {
        $crate::if_on! { $server $on $($run! { $module $name })* }
        $crate::each_of! { $run $server $module $($rest)* }
    };
    ($run:ident $server:ident $module:ident $name:ident $($rest:tt)*) => {
        $run! { $module $name }
        $crate::each_of! { $run $server $module $($rest)* }
    };
}

/// Expands to what follows if the server is among those in brackets.
#[doc(hidden)]
#[macro_export]
macro_rules! if_on {
    (memory [memory $($more:ident)*] $($kept:tt)*) => { $($kept)* };
    (prosody [prosody $($more:ident)*] $($kept:tt)*) => { $($kept)* };
    (prosody_13 [prosody $($more:ident)*] $($kept:tt)*) => { $($kept)* };
    (ejabberd [ejabberd $($more:ident)*] $($kept:tt)*) => { $($kept)* };
    (ejabberd_24 [ejabberd $($more:ident)*] $($kept:tt)*) => { $($kept)* };
    ($server:ident [$other:ident $($more:ident)*] $($kept:tt)*) => {
        $crate::if_on! { $server [$($more)*] $($kept)* }
    };
    ($server:ident [] $($kept:tt)*) => {};
}
