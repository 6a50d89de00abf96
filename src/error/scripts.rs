//! [`ScriptTexts`]: what scripts are told, in the words of one server or another. They are chosen once for a Lua state,
//! and read only when something went wrong.

use super::{Error, ErrorKind, Fixed, one_line};

/// The texts that differ between the servers.
pub(crate) struct ScriptTexts {
    // What a script is told when one of its calls cannot run.
    /// Given the name as it was called.
    unknown_command: fn(&[u8]) -> Error,
    /// Given the name of the command.
    wrong_arity: fn(&str) -> Error,
    read_only: &'static Fixed,
    pub(crate) no_arguments: &'static str,
    pub(crate) argument_type: &'static str,

    /// The line of a killed script's error, and of a killed function's.
    pub(crate) killed: &'static str,
    pub(crate) function_killed: &'static str,

    // Functions of the table `redis`.
    pub(crate) log_arguments: &'static str,
    pub(crate) log_level: &'static str,
    pub(crate) setresp_arguments: &'static str,
    pub(crate) set_repl_arguments: &'static str,
    pub(crate) acl_check_unknown: &'static str,

    // `register_function`.
    pub(crate) register_outside_load: &'static str,
    pub(crate) register_count: &'static str,
    pub(crate) register_one_argument: &'static str,
    pub(crate) register_first: &'static str,
    pub(crate) register_second: &'static str,
    pub(crate) register_key: &'static str,
    pub(crate) register_name_type: &'static str,
    pub(crate) register_description_type: &'static str,
    pub(crate) register_callback_type: &'static str,
    pub(crate) register_flags_type: &'static str,
    pub(crate) register_unknown: &'static str,
    pub(crate) register_no_name: &'static str,
    pub(crate) register_no_callback: &'static str,
}

/// What is wrong with a call of a function of the table `host`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostComplaint {
    Argument,
    Key,
    Deep,
    Large,
    DeepResult,
    Panicked,
}

impl Error {
    pub(crate) fn host_function(name: &[u8], complaint: HostComplaint) -> Error {
        let what = match complaint {
            HostComplaint::Argument => "takes nil, booleans, numbers, strings and tables",
            HostComplaint::Key => "takes tables whose keys are strings, numbers or booleans",
            HostComplaint::Deep => "got a table that is nested too deeply",
            HostComplaint::Large => "got arguments that are too large",
            HostComplaint::DeepResult => "answered a value that is nested too deeply",
            HostComplaint::Panicked => "panicked",
        };
        let line = [b"ERR The host function '".as_slice(), name, b"' ", what.as_bytes()].concat();
        Error::owned(ErrorKind::ScriptRuntime, one_line(line))
    }
}

/// The texts of Redis 7.0, with the name that the table of functions has in them.
macro_rules! texts {
    ($table:literal) => {
        ScriptTexts {
            unknown_command: |_| Error::CALL_UNKNOWN,
            wrong_arity: |_| Error::CALL_ARITY,
            read_only: &Fixed {
                kind: ErrorKind::NotAllowed,
                text: "ERR Write commands are not allowed from read-only scripts.",
            },
            no_arguments: "ERR Please specify at least one argument for this redis lib call",
            argument_type: "ERR Lua redis lib command arguments must be strings or integers",
            killed: "ERR Script killed by user with SCRIPT KILL...",
            function_killed: "ERR Script killed by user with SCRIPT KILL...",
            log_arguments: concat!("ERR ", $table, ".log() requires two arguments or more."),
            log_level: "ERR Invalid debug level.",
            setresp_arguments: concat!("ERR ", $table, ".setresp() requires one argument."),
            set_repl_arguments: concat!("ERR ", $table, ".set_repl() requires two arguments."),
            acl_check_unknown: concat!("ERR Invalid command passed to ", $table, ".acl_check_cmd()"),
            register_outside_load: concat!(
                "ERR ",
                $table,
                ".register_function can only be called on FUNCTION LOAD command"
            ),
            register_count: concat!("ERR wrong number of arguments to ", $table, ".register_function"),
            register_one_argument: concat!(
                "ERR calling ",
                $table,
                ".register_function with a single argument is only applicable to Lua table (representing named \
                 arguments)."
            ),
            register_first: concat!(
                "ERR first argument to ",
                $table,
                ".register_function must be a string"
            ),
            register_second: concat!(
                "ERR second argument to ",
                $table,
                ".register_function must be a function"
            ),
            register_key: concat!(
                "ERR named argument key given to ",
                $table,
                ".register_function is not a string"
            ),
            register_name_type: concat!(
                "ERR function_name argument given to ",
                $table,
                ".register_function must be a string"
            ),
            register_description_type: concat!(
                "ERR description argument given to ",
                $table,
                ".register_function must be a string"
            ),
            register_callback_type: concat!(
                "ERR callback argument given to ",
                $table,
                ".register_function must be a function"
            ),
            register_flags_type: concat!(
                "ERR flags argument to ",
                $table,
                ".register_function must be a table representing function flags"
            ),
            register_unknown: concat!("ERR unknown argument given to ", $table, ".register_function"),
            register_no_name: concat!(
                "ERR ",
                $table,
                ".register_function must get a function name argument"
            ),
            register_no_callback: concat!(
                "ERR ",
                $table,
                ".register_function must get a callback argument"
            ),
        }
    };
}

impl ScriptTexts {
    pub(crate) const REDIS: &'static ScriptTexts = &texts!("redis");

    pub(crate) const VALKEY: &'static ScriptTexts = &ScriptTexts {
        unknown_command: |_| {
            Error::fixed(&Fixed {
                kind: ErrorKind::UnknownCommand,
                text: "ERR Unknown command called from script",
            })
        },
        wrong_arity: |_| {
            Error::fixed(&Fixed {
                kind: ErrorKind::WrongArity,
                text: "ERR Wrong number of args calling command from script",
            })
        },
        no_arguments: "ERR Please specify at least one argument for this call",
        argument_type: "ERR Command arguments must be strings or integers",
        killed: "ERR Script killed by user with SCRIPT KILL.",
        function_killed: "ERR Script killed by user with FUNCTION KILL.",
        log_level: "ERR Invalid log level.",
        set_repl_arguments: "ERR server.set_repl() requires one argument.",
        ..texts!("server")
    };

    pub(crate) const DRAGONFLY: &'static ScriptTexts = &ScriptTexts {
        unknown_command: |name| {
            let line = [b"ERR unknown command `", name.to_ascii_uppercase().as_slice(), b"`"].concat();
            Error::owned(ErrorKind::UnknownCommand, one_line(line))
        },
        wrong_arity: Error::wrong_arity,
        read_only: &Fixed {
            kind: ErrorKind::NotAllowed,
            text: "ERR Write commands are not allowed from read-only scripts",
        },
        no_arguments: "ERR Please specify at least one argument for this call",
        argument_type: "ERR Lua redis() command arguments must be strings or integers",
        ..texts!("redis")
    };

    pub(crate) fn unknown_command(&self, name: &[u8]) -> Error {
        (self.unknown_command)(name)
    }

    pub(crate) fn wrong_arity(&self, command: &str) -> Error {
        (self.wrong_arity)(command)
    }

    /// A command that writes, called from a script that may not.
    pub(crate) fn read_only(&self) -> Error {
        Error::fixed(self.read_only)
    }

    /// What ends a script, or a function, that is killed at a call.
    pub(crate) fn killed(&self, is_function: bool) -> Error {
        Error::owned(ErrorKind::ScriptKilled, if is_function { self.function_killed } else { self.killed })
    }

    /// Whether this is the line of something killed.
    pub(crate) fn is_killed(&self, line: &[u8]) -> bool {
        line == self.killed.as_bytes() || line == self.function_killed.as_bytes()
    }
}

/// Texts that only some servers have.
impl Error {
    pub(crate) const BUSY_VALKEY: Error = Error::fixed(&Fixed {
        kind: ErrorKind::Busy,
        text: "BUSY Valkey is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    });
    pub(crate) const BUSY_VALKEY_FUNCTION: Error = Error::fixed(&Fixed {
        kind: ErrorKind::Busy,
        text: "BUSY Valkey is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.",
    });
    pub(crate) const SELECT_IN_SCRIPT: Error = Error::fixed(&Fixed {
        kind: ErrorKind::NotAllowed,
        text: "ERR SELECT is not allowed in regular EXEC/EVAL",
    });

    /// What Dragonfly says of a subcommand that it does not have, or that has other arguments.
    pub(crate) fn unknown_or_wrong_subcommand(subcommand: &[u8], container: &str) -> Error {
        let mut line = b"ERR Unknown subcommand or wrong number of arguments for '".to_vec();
        line.extend_from_slice(&subcommand.to_ascii_uppercase());
        line.extend_from_slice(format!("'. Try {container} HELP.").as_bytes());
        Error::owned(ErrorKind::UnknownCommand, one_line(line))
    }

    /// A script's error in the form that Dragonfly has for it. `from_command` is one that a command gave.
    pub(crate) fn of_running_script(
        kind: ErrorKind,
        sha: &str,
        place: &[u8],
        line: &[u8],
        from_command: bool,
    ) -> Error {
        let mut whole = format!("ERR Error running script (call to {sha}): ").into_bytes();
        whole.extend_from_slice(place);
        whole.extend_from_slice(b": ");
        if from_command {
            whole.push(b'-');
            whole.extend_from_slice(line);
        } else {
            whole.extend_from_slice(line.strip_prefix(b"ERR ").unwrap_or(line));
        }
        Error::owned(kind, one_line(whole))
    }
}
