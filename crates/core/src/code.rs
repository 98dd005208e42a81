//! The error codes that this server answers, by their published meaning (1047/34348).

/// A wire code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub i32);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            /// Every code that this server can answer.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

codes! {
    /// Success.
    OK = 0;
    /// Group service: the caller is not logged in.
    NOT_LOGGED_IN = 10001;
    /// Group service: internal error; the call may be repeated.
    GROUP_INTERNAL = 10002;
    /// A known service has no such command.
    UNKNOWN_COMMAND = 10003;
    /// Group service: a parameter is missing or bad.
    GROUP_PARAMETER = 10004;
    /// Group service: too many accounts in one call.
    GROUP_TOO_MANY_ACCOUNTS = 10005;
    /// Group service: not permitted for this type, role or caller.
    GROUP_NOT_PERMITTED = 10007;
    /// The owner may not leave this type of group.
    OWNER_CANNOT_QUIT = 10009;
    /// No such group, or it was dissolved.
    GROUP_ABSENT = 10010;
    /// Already a member.
    ALREADY_MEMBER = 10013;
    /// The group is full.
    GROUP_FULL = 10014;
    /// The group id has no valid form.
    GROUP_ID_INVALID = 10015;
    /// The answer would be larger than 1 MB.
    ANSWER_TOO_LARGE = 10018;
    /// A requested account does not exist.
    MEMBER_ACCOUNT_ABSENT = 10019;
    /// The group id is taken by somebody else.
    GROUP_ID_TAKEN = 10021;
    /// The group id is taken by a group of the same owner.
    GROUP_ID_TAKEN_BY_OWNER = 10025;
    /// The command is not offered by this server.
    COMMAND_DISABLED = 10026;
    /// The user owns or has joined as many groups as allowed.
    GROUP_QUOTA = 10037;
    /// More members than the group may have.
    MEMBER_LIMIT = 10038;
    /// Profile: a value is longer than 500 bytes.
    PROFILE_VALUE_TOO_LONG = 40601;
    /// The URL or the HTTP request could not be read.
    HTTP_PARSE = 60002;
    /// The body is not JSON.
    BODY_NOT_JSON = 60003;
    /// The command is called too often.
    RATE_LIMITED = 60007;
    /// The call took too long to arrive or to answer.
    TIMEOUT = 60008;
    /// The path names no service.
    PATH_WRONG = 60009;
    /// The caller is not an admin of the app.
    NOT_APP_ADMIN = 60010;
    /// `sdkappid` is missing from the URL.
    SDKAPPID_MISSING = 60012;
    /// An account in the body is a number instead of a string.
    ACCOUNT_NOT_STRING = 60015;
    /// `sdkappid`, `identifier`, `usersig` or `contenttype` in the URL is wrong.
    QUERY_WRONG = 60025;
    /// The app lives in another region.
    REGION_WRONG = 60026;
    /// The UserSig or A2 has expired or was revoked.
    USERSIG_EXPIRED = 70001;
    /// The UserSig is empty.
    USERSIG_EMPTY = 70002;
    /// The UserSig cannot be decoded.
    USERSIG_MALFORMED = 70003;
    /// The UserSig does not verify with this app's key.
    USERSIG_BAD_SIGNATURE = 70009;
    /// The UserSig is another user's.
    USERSIG_USER_MISMATCH = 70013;
    /// The UserSig is another app's.
    USERSIG_APP_MISMATCH = 70014;
    /// The app does not exist here.
    APP_ABSENT = 70020;
    /// Too many failed UserSig checks; wait one minute.
    TOO_MANY_FAILED_USERSIGS = 70050;
    /// The account does not exist.
    ACCOUNT_ABSENT = 70107;
    /// Account service: bad parameters.
    ACCOUNT_PARAMETER = 70402;
    /// Account service: admin permission needed.
    ACCOUNT_NOT_ADMIN = 70403;
    /// Account service: internal error.
    ACCOUNT_INTERNAL = 70500;
    /// Openim: the body cannot be read, or To_Account is empty.
    OPENIM_JSON = 90001;
    /// Openim: To_Account is missing or not a list of strings.
    OPENIM_TO_ACCOUNT = 90003;
    /// Openim: admin permission needed.
    OPENIM_NOT_ADMIN = 90009;
    /// Openim: more than 500 accounts.
    OPENIM_TOO_MANY_ACCOUNTS = 90011;
    /// Openim: internal error.
    OPENIM_INTERNAL = 91000;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(Code::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
