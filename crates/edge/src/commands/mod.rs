//! The commands. Each is one file; this is their table.

use crate::command::Command;

mod account_check;
mod account_delete;
mod account_import;
mod add_group_member;
mod apply_join_group;
mod create_group;
mod delete_group_member;
mod destroy_group;
mod get_group_info;
mod get_group_member_info;
mod get_group_self_member_info;
mod get_joined_group_list;
mod get_online_member_num;
mod get_online_member_nums;
mod get_role_in_group;
mod import_group;
mod import_group_member;
mod kick;
mod multiaccount_import;
mod portrait_get_all;
mod query_online_status;
mod quit_group;
mod sdk_housekeeping;
mod send_group_msg;
pub(crate) mod show;

/// The service of ordinary group commands.
pub(crate) const GROUP_SVC: &str = "group_open_http_svc";
/// The service that clients use for communities; the group commands answer under both names.
pub(crate) const MILLION_SVC: &str = "million_group_open_http_svc";
/// Both names of the group commands.
pub(crate) const GROUP_SVCS: &[&str] = &[GROUP_SVC, MILLION_SVC];
/// The account service.
pub(crate) const LOGIN_SVC: &str = "im_open_login_svc";

/// The service of commands that are this server's own.
pub(crate) const HEADCOUNT_SVC: &str = "headcount";

/// Every command, one row each.
pub(crate) const TABLE: &[Command] = &[
    get_online_member_num::COMMUNITY,
    get_online_member_num::GROUP,
    get_online_member_nums::COMMAND,
    account_import::COMMAND,
    multiaccount_import::COMMAND,
    account_check::COMMAND,
    account_delete::COMMAND,
    kick::COMMAND,
    query_online_status::COMMAND,
    create_group::COMMAND,
    destroy_group::COMMAND,
    get_group_info::COMMAND,
    add_group_member::COMMAND,
    delete_group_member::COMMAND,
    get_group_member_info::COMMAND,
    get_role_in_group::COMMAND,
    get_joined_group_list::COMMAND,
    import_group::COMMAND,
    import_group_member::COMMAND,
    apply_join_group::COMMAND,
    quit_group::COMMAND,
    get_group_self_member_info::COMMAND,
    send_group_msg::COMMAND,
    portrait_get_all::COMMAND,
    sdk_housekeeping::BLACK_LIST_GET,
    sdk_housekeeping::FRIEND_GET,
    sdk_housekeeping::FRIEND_GROUP_GET,
    sdk_housekeeping::PENDENCY_GET,
    sdk_housekeeping::CONVERSATION_PAGE_GET,
    sdk_housekeeping::CONVERSATION_GROUP_GET,
    sdk_housekeeping::CONVERSATION_GROUP_SEARCH,
    sdk_housekeeping::MESSAGES_GET,
    sdk_housekeeping::PUSH_ACK,
    sdk_housekeeping::GROUP_NOTIFY_GET,
    sdk_housekeeping::FETCH_CONFIG,
    sdk_housekeeping::FETCH_PURCHASE_BITS,
    sdk_housekeeping::REPORT,
];
