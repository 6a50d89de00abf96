//! The table `redis`, all but `call` and `pcall`.

use std::ffi::CStr;

use crate::protocol::{Protocol, REDIS_VERSION, REDIS_VERSION_OF_VALKEY, VALKEY_VERSION, version_number};
use crate::vm::call::{complaint, read_args, redis_call, redis_pcall};
use crate::vm::core::{bytes_at, caught, core, host, push_bytes};
use crate::vm::debug::{self, note_error};
use crate::vm::ffi;
use crate::vm::limit;
use crate::vm::recent;
use crate::vm::reply::push_error;
use crate::vm::server::Server;

const FUNCTIONS: &[(&CStr, ffi::lua_CFunction)] = &[
    (c"acl_check_cmd", acl_check_cmd),
    (c"breakpoint", debug::breakpoint),
    (c"call", redis_call),
    (c"debug", debug::debug),
    (c"error_reply", error_reply),
    (c"log", log),
    (c"pcall", redis_pcall),
    (c"replicate_commands", replicate_commands),
    (c"set_repl", set_repl),
    (c"setresp", setresp),
    (c"sha1hex", sha1hex),
    (c"status_reply", status_reply),
];

const NUMBERS: &[(&CStr, i64)] = &[
    (c"LOG_DEBUG", 0),
    (c"LOG_VERBOSE", 1),
    (c"LOG_NOTICE", 2),
    (c"LOG_WARNING", 3),
    (c"REPL_NONE", 0),
    (c"REPL_AOF", 1),
    (c"REPL_SLAVE", 2),
    (c"REPL_REPLICA", 2),
    (c"REPL_ALL", 3),
];

/// Pushes the table.
pub(in crate::vm) unsafe fn open(lua: *mut ffi::lua_State) {
    // SAFETY: (1) reason L of the layer's head.
    unsafe {
        let server = (*core(lua)).server;
        recent::reserve(lua);
        ffi::lua_createtable(lua, 0, (FUNCTIONS.len() + NUMBERS.len() + 5) as i32);
        for (name, function) in FUNCTIONS {
            // What `reply::push` expects of the functions that use it; the others do not look.
            ffi::lua_pushstring_(lua, c"ok".as_ptr());
            ffi::lua_pushstring_(lua, c"OK".as_ptr());
            ffi::lua_pushcclosure(lua, *function, 2);
            ffi::lua_setfield(lua, -2, name.as_ptr());
        }
        for (name, number) in NUMBERS {
            ffi::push_integer(lua, *number);
            ffi::lua_setfield(lua, -2, name.as_ptr());
        }
        if server == Server::Valkey {
            set_version(lua, c"REDIS_VERSION", c"REDIS_VERSION_NUM", REDIS_VERSION_OF_VALKEY);
            set_version(lua, c"VALKEY_VERSION", c"VALKEY_VERSION_NUM", VALKEY_VERSION);
            push_bytes(lua, b"valkey");
            ffi::lua_setfield(lua, -2, c"SERVER_NAME".as_ptr());
        } else {
            set_version(lua, c"REDIS_VERSION", c"REDIS_VERSION_NUM", REDIS_VERSION);
        }
        for name in server.lacks() {
            ffi::lua_pushnil(lua);
            ffi::lua_setfield(lua, -2, name.as_ptr());
        }
    }
}

/// Sets two fields of the table on top of the stack.
unsafe fn set_version(lua: *mut ffi::lua_State, text: &CStr, number: &CStr, version: &str) {
    // SAFETY: (14) reason L.
    unsafe {
        push_bytes(lua, version.as_bytes());
        ffi::lua_setfield(lua, -2, text.as_ptr());
        ffi::push_integer(lua, version_number(version).into());
        ffi::lua_setfield(lua, -2, number.as_ptr());
    }
}

/// Raises a text as an error table, as Redis raises its own: without a position.
unsafe fn raise(lua: *mut ffi::lua_State, line: &[u8]) -> ! {
    // SAFETY: (2) reason L; `line` is static.
    unsafe {
        note_error(lua, line, false);
        push_error(lua, line, false);
        ffi::lua_error(lua)
    }
}

/// `{err='ERR wrong number or type of arguments'}`, which is answered and not raised.
unsafe fn bad_reply_argument(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (3) reason L.
    unsafe {
        note_error(lua, b"ERR wrong number or type of arguments", false);
        push_error(lua, b"ERR wrong number or type of arguments", false);
    }
    1
}

unsafe fn is_one_string(lua: *mut ffi::lua_State) -> bool {
    // SAFETY: (4) reason L.
    unsafe { ffi::lua_gettop(lua) == 1 && ffi::lua_type(lua, 1) == ffi::LUA_TSTRING }
}

/// `redis.error_reply(text)`: the text gets the code `ERR` if it has no second word.
unsafe extern "C-unwind" fn error_reply(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (5) reason L; the slices point into the argument, which stays in this frame.
    unsafe {
        if !is_one_string(lua) {
            return bad_reply_argument(lua);
        }
        let text = bytes_at(lua, 1);
        let text = text.strip_prefix(b"-").unwrap_or(text);
        let text = &text[..text.iter().position(|&byte| byte == 0).unwrap_or(text.len())];
        let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        let text = &text[..end];
        ffi::lua_createtable(lua, 0, 1);
        if text.contains(&b' ') || !(*core(lua)).server.adds_code() {
            push_bytes(lua, text);
        } else {
            push_bytes(lua, b"ERR ");
            push_bytes(lua, text);
            ffi::lua_concat(lua, 2);
        }
        if (*core(lua)).debug.is_some() {
            let text = bytes_at(lua, 1);
            note_error(lua, text.strip_prefix(b"-").unwrap_or(text), true);
        }
        ffi::lua_setfield(lua, -2, c"err".as_ptr());
        1
    }
}

/// `redis.status_reply(text)`.
unsafe extern "C-unwind" fn status_reply(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (6) reason L.
    unsafe {
        if !is_one_string(lua) {
            return bad_reply_argument(lua);
        }
        ffi::lua_createtable(lua, 0, 1);
        ffi::lua_pushvalue(lua, 1);
        ffi::lua_setfield(lua, -2, c"ok".as_ptr());
        1
    }
}

/// Before so many bytes the limits are looked at.
const PART: usize = 256 * 1024;

/// `redis.sha1hex(x)`: what is no string or number counts as the empty string.
unsafe extern "C-unwind" fn sha1hex(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (7) reason L; the digest is 40 plain bytes when it is pushed.
    unsafe {
        if ffi::lua_gettop(lua) != 1 {
            raise(lua, b"ERR wrong number of arguments");
        }
        const { assert!(!std::mem::needs_drop::<sha1_smol::Sha1>(), "a jump may pass over it") };
        let mut sha = sha1_smol::Sha1::new();
        for part in bytes_at(lua, 1).chunks(PART) {
            if part.len() == PART {
                limit::check(lua);
            }
            sha.update(part);
        }
        push_bytes(lua, &hex(&sha.digest().bytes()));
        1
    }
}

fn hex(digest: &[u8; 20]) -> [u8; 40] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = [0; 40];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(digest) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    hex
}

/// `redis.log(level, ...)`.
unsafe extern "C-unwind" fn log(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (8) reasons L and C; the message is put together in the core's buffer, and the host is called inside
    // `caught`.
    unsafe {
        let count = ffi::lua_gettop(lua);
        if count < 2 {
            raise(lua, (*core(lua)).texts.log_arguments.as_bytes());
        }
        if ffi::lua_isnumber(lua, 1) == 0 {
            raise(lua, b"ERR First argument must be a number (log level).");
        }
        let level = ffi::lua_tonumber(lua, 1).trunc();
        if !(0.0..=3.0).contains(&level) {
            raise(lua, (*core(lua)).texts.log_level.as_bytes());
        }
        // Numbers become strings in place first: that may raise.
        for index in 2..=count {
            if ffi::lua_type(lua, index) == ffi::LUA_TNUMBER {
                ffi::lua_tolstring(lua, index, std::ptr::null_mut());
            }
        }
        let core = core(lua);
        caught(|| {
            let message = &mut (*core).error;
            message.clear();
            let mut first = true;
            for index in 2..=count {
                if ffi::lua_type(lua, index) == ffi::LUA_TSTRING {
                    if !first {
                        message.push(b' ');
                    }
                    first = false;
                    message.extend_from_slice(bytes_at(lua, index));
                }
            }
            if let Some(host) = host(core) {
                host.log(level as u8, &(*core).error);
            }
        });
        0
    }
}

/// `redis.setresp(2 or 3)`.
unsafe extern "C-unwind" fn setresp(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (9) reasons L and C.
    unsafe {
        if ffi::lua_gettop(lua) != 1 {
            raise(lua, (*core(lua)).texts.setresp_arguments.as_bytes());
        }
        (*core(lua)).protocol = match ffi::lua_tonumber(lua, 1).trunc() {
            2.0 => Protocol::Resp2,
            3.0 => Protocol::Resp3,
            _ => raise(lua, b"ERR RESP version must be 2 or 3."),
        };
        0
    }
}

/// `redis.set_repl(flags)`: checked; there is nothing yet that the flags would steer.
unsafe extern "C-unwind" fn set_repl(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (10) reason L.
    unsafe {
        if ffi::lua_gettop(lua) != 1 {
            raise(lua, (*core(lua)).texts.set_repl_arguments.as_bytes());
        }
        let flags = crate::num::f64_to_i64(ffi::lua_tonumber(lua, 1));
        if flags & !3 != 0 {
            raise(lua, b"ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
        }
        0
    }
}

unsafe extern "C-unwind" fn replicate_commands(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (11) reason L.
    unsafe { ffi::lua_pushboolean(lua, 1) };
    1
}

/// `redis.acl_check_cmd(command, ...)`: there are no users to be refused anything.
unsafe extern "C-unwind" fn acl_check_cmd(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (13) reasons L and C; the host is called inside `caught`.
    unsafe {
        let core = core(lua);
        let Some(args) = read_args(lua, core) else { raise(lua, complaint(lua, core).as_bytes()) };
        let known = caught(|| host(core).is_some_and(|host| host.knows(args)));
        if known != Some(true) {
            raise(lua, (*core).texts.acl_check_unknown.as_bytes());
        }
        ffi::lua_pushboolean(lua, 1);
        1
    }
}
