//! Texts of the commands about clients, settings and the store as a whole.

use super::{Error, ErrorKind, Fixed, c_string, one_line};

macro_rules! texts {
    ($($name:ident: $kind:ident = $text:literal;)*) => {
        impl Error {
            $(pub(crate) const $name: Error = Error::fixed(&Fixed { kind: ErrorKind::$kind, text: $text });)*
        }
    };
}

texts! {
    NO_AUTH: NotAllowed = "NOAUTH Authentication required.";
    HELLO_NO_AUTH: NotAllowed = "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
        HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version \
        at the same time";
    WRONG_PASS: NotAllowed = "WRONGPASS invalid username-password pair or user is disabled.";
    NO_PASSWORD_SET: NotAllowed = "ERR AUTH <password> called without any password configured for the default user. \
        Are you sure your configuration is correct?";
    CLIENT_NAME: InvalidArgument =
        "ERR Client names cannot contain spaces, newlines or special characters.";
    INVALID_CLIENT_ID: InvalidArgument = "ERR Invalid client ID";
    CLIENT_ID_NOT_POSITIVE: InvalidArgument = "ERR client-id should be greater than 0";
    NO_SUCH_CLIENT: Other = "ERR No such client";
    CLIENT_KILLED: Other = "ERR the client was killed";
    UNBLOCKED: Other = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
    UNBLOCK_REASON: InvalidArgument = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR";
    TIMEOUT_NOT_INTEGER: InvalidArgument = "ERR timeout is not an integer or out of range";
    PAUSE_MODE: InvalidArgument = "ERR CLIENT PAUSE mode must be WRITE or ALL";
    NO_PAUSE: NotAllowed = "ERR clients cannot be paused here: there is no server between them and the store";
    NO_TRACKING: NotAllowed = "ERR client side caching is not supported";
    NOT_TRACKING: NotAllowed = "ERR CLIENT CACHING can be called only when the client is in tracking mode with \
        OPTIN or OPTOUT mode enabled";
    NO_CONFIG_FILE: NotAllowed = "ERR The server is running without a config file";
    DEBUG_NOT_ALLOWED: NotAllowed = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \
        \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration \
        file, and then restart the server.";
    MODULE_NOT_ALLOWED: NotAllowed = "ERR MODULE command not allowed. If the enable-module-command option is set to \
        \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration \
        file, and then restart the server.";
    NO_RELOAD: NotAllowed = "ERR there is no persistence here that DEBUG could reload from";
    NOT_LISTPACK: WrongType = "ERR Not a listpack encoded object.";
    NOT_QUICKLIST: WrongType = "ERR Not a quicklist encoded object.";
    PACKED_THRESHOLD: InvalidArgument =
        "ERR argument must be a memory value bigger than 1 and smaller than 4gb";
    NO_PUSH_IN_RESP2: NotAllowed = "ERR RESP2 is not supported by this command";
    PROTOCOL_TYPE: InvalidArgument = "ERR Wrong protocol type name. Please use one of the following: \
        string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false";
    NO_SHUTDOWN: NotAllowed = "ERR Errors trying to SHUTDOWN. The store ends with the program that it is part of.";
    NO_SHUTDOWN_IN_PROGRESS: NotAllowed = "ERR No shutdown in progress.";
    SLOWLOG_COUNT: InvalidArgument = "ERR count should be greater than or equal to -1";
    GENPASS_BITS: InvalidArgument = "ERR ACL GENPASS argument must be the number of bits for the output password, a \
        positive number up to 4096";
    NO_ACL_FILE: NotAllowed = "ERR This Redis instance is not configured to use an ACL file. You may want to specify \
        users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration \
        file set) in order to store users in the Redis configuration.";
    NO_CLUSTER: NotAllowed = "ERR This instance has cluster support disabled";
    WAITAOF_NUMLOCAL: NotAllowed = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
    LIB_NAME: InvalidArgument = "ERR lib-name cannot contain spaces, newlines or special characters.";
    LIB_VERSION: InvalidArgument = "ERR lib-ver cannot contain spaces, newlines or special characters.";
}

fn quoting(kind: ErrorKind, before: &str, quoted: &[u8], after: &str) -> Error {
    let line = [before.as_bytes(), c_string(quoted), after.as_bytes()].concat();
    Error::owned(kind, one_line(line))
}

impl Error {
    pub(crate) fn unknown_setting(name: &[u8]) -> Error {
        let before = "ERR Unknown option or number of arguments for CONFIG SET - '";
        quoting(ErrorKind::InvalidArgument, before, name, "'")
    }

    /// A setting that was not changed, and why.
    pub(crate) fn setting(name: &[u8], reason: &str) -> Error {
        let before = "ERR CONFIG SET failed (possibly related to argument '";
        quoting(ErrorKind::InvalidArgument, before, name, &format!("') - {reason}"))
    }

    pub(crate) fn unknown_client_type(name: &[u8]) -> Error {
        quoting(ErrorKind::InvalidArgument, "ERR Unknown client type '", name, "'")
    }

    pub(crate) fn no_such_user(name: &[u8]) -> Error {
        quoting(ErrorKind::InvalidArgument, "ERR No such user '", name, "'")
    }

    pub(crate) fn unknown_category(name: &[u8]) -> Error {
        quoting(ErrorKind::InvalidArgument, "ERR Unknown category '", name, "'")
    }

    pub(crate) fn unrecognized_option(name: &[u8]) -> Error {
        quoting(ErrorKind::InvalidArgument, "ERR Unrecognized option '", name, "'")
    }

    pub(crate) fn no_latency_samples(event: &[u8]) -> Error {
        quoting(ErrorKind::Other, "ERR No samples available for event '", event, "'")
    }
}
