//! What a newcomer sees: the first app, a first community, and the lines to paste.

use std::net::SocketAddr;
use std::path::Path;

use headcount_core::{App, GroupType};
use headcount_directory::{CreateGroupError, Directory, NewGroup};

/// The community that a first count is asked of.
const FIRST_COMMUNITY: &str = "@TGS#_first";

/// How long the printed UserSig holds: a working day of trying things out, and then some.
const USERSIG_EXPIRE_S: u64 = 7 * 86_400;

/// Makes the community that the printed command counts.
pub(crate) async fn create_community(
    directory: &dyn Directory,
    app: &App,
    now_s: u64,
) -> Result<(), CreateGroupError> {
    let group_type = GroupType::Community;
    let id = headcount_core::GroupId::parse_custom(FIRST_COMMUNITY, group_type);
    let Ok(id) = id else {
        unreachable!("a fixed id of valid form")
    };
    let group = NewGroup {
        app: app.sdkappid,
        id,
        group_type,
        name: "First community".to_owned(),
        introduction: String::new(),
        notification: String::new(),
        face_url: String::new(),
        owner: None,
        members: Vec::new(),
        join_option: group_type.default_join_option(),
        invite_option: group_type.default_invite_option(),
        members_max: headcount_core::limits::COMMUNITY_MEMBERS_MAX,
        support_topic: false,
        created_at_s: now_s,
    };
    directory.create_group(group).await.map(|_| ())
}

/// The text for a newcomer.
pub(crate) fn welcome(app: &App, listen: SocketAddr, tls: bool, data_dir: &Path, now_s: u64) -> String {
    let admin = app.admins.first().map_or("administrator", String::as_str);
    let sdkappid = app.sdkappid;
    let usersig = usersig::sign(&app.secret_key, sdkappid.0, admin, now_s, USERSIG_EXPIRE_S, None);
    let (http, ws) = if tls { ("https", "wss") } else { ("http", "ws") };
    let folder = data_dir.display();
    // Under the name by which it was just started, which may not be on the PATH.
    let headcount = std::env::args().next().unwrap_or_else(|| "headcount".to_owned());
    format!(
        "Headcount is running. It made a first app, and in it the community {FIRST_COMMUNITY}.\n\
         \n\
         SDKAppID      {sdkappid}\n\
         data folder   {folder}\n\
         SDK gateway   proxyServer: '{ws}://{listen}'\n\
         \n\
         How many members of the community are online right now:\n\
         \n\
         curl -s '{http}://{listen}/v4/million_group_open_http_svc/get_online_member_num?sdkappid={sdkappid}\
         &identifier={admin}&usersig={usersig}&random=1&contenttype=json' -d '{{\"GroupId\":\"{FIRST_COMMUNITY}\"}}'\n\
         \n\
         A UserSig for a client of yours:\n\
         \n\
         {headcount} usersig --data-dir {folder} --sdkappid {sdkappid} --user alice\n\
         \n"
    )
}
