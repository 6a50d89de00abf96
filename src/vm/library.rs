//! Libraries of functions: loading one into a state, and calling its functions.
//!
//! A library's text runs once in each state that needs it, in an environment with nothing but a small `redis` table.
//! What it registers is called in another environment, that of functions: the one of scripts without KEYS, ARGV and
//! what only EVAL has. Every function that can be reached from what was registered is found when loading ends, and
//! is moved there; that a library cannot name `setmetatable`, `getfenv` or a coroutine while it loads is what makes
//! the search complete.
//!
//! The same search tells whether a library *keeps* something from call to call: a variable that one of its functions
//! writes, or a table, which may be written anywhere. One that keeps nothing is the same in every state; one that does
//! must be called in the state where it was loaded. The engine sees to that.

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;

use super::Host;
use super::core::{Core, Inputs, bytes_at, caught, core, host, push_bytes};
use super::ffi;
use super::libs;
use super::limit::{self, Sort, Stop};
use super::load::load_text;
use super::protect::{self, FUNCTION_GLOBALS, behind, guard, protect};
use super::reply::push_error;
use super::run::{self, Failure, Lent, Limits, Vm, lend, unref, write_dump};
use super::scan::{Environment, Functions, HARMLESS, Use};
use super::setup::{BASE_TOP, HANDLER};
use crate::protocol::Protocol;
use crate::value::Value;

/// The chunk name of every library.
const LIBRARY: &CStr = c"@user_function";

/// A function as it was registered.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) name: Vec<u8>,
    pub(crate) description: Option<Vec<u8>>,
    /// Bits that [`Host::flag`] gave.
    pub(crate) flags: u32,
}

/// A function of a library in one state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LibraryFunction {
    /// Its place in the registry.
    reference: i32,
    /// How many of its two arguments it can see.
    wants: u8,
    /// Whether it has the environment in which everything is real, and so cannot compile code of its own.
    is_plain: bool,
    counting: bool,
}

/// A library in one state.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// In the order in which they were registered.
    pub(crate) functions: Vec<(Registration, LibraryFunction)>,
    /// Whether something is kept from call to call.
    pub(crate) keeps: bool,
}

/// Why a library cannot be loaded.
#[derive(Debug)]
pub(crate) enum LoadFailure {
    /// The compiler's message.
    Compile(Vec<u8>),
    /// The line of the error that the text raised.
    Raised(Vec<u8>),
    OutOfTime,
    Memory,
}

/// What a state keeps for libraries.
#[derive(Default)]
pub(super) struct LibraryRoom {
    /// Made when the first library is loaded.
    places: Option<Places>,
    /// Whether a library's text runs.
    is_loading: bool,
    /// Whether that text compiled.
    is_compiled: bool,
    /// What it has registered.
    registered: Vec<(Registration, LibraryFunction)>,
    keeps: bool,
}

/// Places in the registry.
#[derive(Clone, Copy)]
struct Places {
    /// [`load_library`] and [`make_arguments`].
    load: i32,
    arguments: i32,
    /// `_G` of scripts and of functions.
    script_globals: i32,
    function_globals: i32,
}

impl Vm {
    /// Runs a library's text, without its `#!` line, and answers what it registered.
    ///
    /// # Errors
    ///
    /// Why it cannot be loaded; then nothing of it is left.
    pub(crate) fn load_library(
        &mut self,
        text: &[u8],
        host: &mut dyn Host,
        time: Option<u64>,
    ) -> Result<Loaded, LoadFailure> {
        let lua = self.lua.as_ptr();
        let core = self.core.as_ptr();
        // SAFETY: (1) reasons L and C. The host is lent as in `Vm::run`; the text outlives the call.
        // What is pushed outside protected calls is there already or needs no memory.
        unsafe {
            let places = self.library_places().ok_or(LoadFailure::Memory)?;
            let host: NonNull<dyn Host + '_> = NonNull::from(host);
            (*core).host = Some(std::mem::transmute::<NonNull<dyn Host + '_>, NonNull<dyn Host>>(host));
            let lent = Lent { core };
            (*core).memory.refused_at = None;
            (*core).watch.reset(time);
            (*core).library.registered.clear();
            (*core).library.is_compiled = false;
            limit::install(lua, core);
            (*core).watch.control.begin(Sort::Load);
            ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, places.load);
            (*core).source = (text.as_ptr(), text.len());
            let status = ffi::lua_pcall(lua, 0, 0, HANDLER);
            (*core).library.is_loading = false;
            let failure = match status {
                _ if (*core).watch.stop == Some(Stop::TimeLimit) => Some(LoadFailure::OutOfTime),
                0 => None,
                _ => Some(match self.failure(status) {
                    Failure::Raised(raised) => LoadFailure::Raised(raised.line),
                    _ => LoadFailure::Raised(b"ERR error in error handling".to_vec()),
                }),
            };
            limit::uninstall(lua, core);
            (*core).watch.control.end();
            drop(lent);
            let functions = std::mem::take(&mut (*core).library.registered);
            let failure = match failure {
                None if !(*core).library.is_compiled => {
                    Some(LoadFailure::Compile(std::mem::take(&mut (*core).error)))
                }
                failure => failure,
            };
            self.tidy();
            match failure {
                None => Ok(Loaded { functions, keeps: (*core).library.keeps }),
                Some(failure) => {
                    for (_, function) in functions {
                        self.forget_function(function);
                    }
                    Err(failure)
                }
            }
        }
    }

    /// Calls a function of a library.
    ///
    /// # Errors
    ///
    /// How it failed.
    pub(crate) fn run_function(
        &mut self,
        function: LibraryFunction,
        keys: &[&[u8]],
        args: &[&[u8]],
        host: &mut dyn Host,
        limits: Limits,
    ) -> Result<Value, Failure> {
        let lua = self.lua.as_ptr();
        let core = self.core.as_ptr();
        // SAFETY: (2) as `Vm::run`, which this follows step by step. The table of globals of the main thread, which code
        // compiled by the function gets, is changed for the call; both tables are in the registry.
        unsafe {
            let Some(places) = (*core).library.places else { return Err(Failure::InHandler) };
            let host: NonNull<dyn Host + '_> = NonNull::from(host);
            (*core).host = Some(std::mem::transmute::<NonNull<dyn Host + '_>, NonNull<dyn Host>>(host));
            let lent = Lent { core };
            let used = |at: u8| if function.wants > at { Use::Any } else { Use::None };
            let lists = [lend(keys, used(0), false), lend(args, used(1), false)];
            (*core).inputs = Inputs { lists, is_plain: false };
            (*core).protocol = Protocol::Resp2;
            (*core).reply_room = limits.reply;
            (*core).too_large = false;
            (*core).memory.refused_at = None;
            (*core).watch.reset(limits.time);
            if function.counting {
                limit::install(lua, core);
            }
            (*core).watch.control.begin(Sort::Function);
            if !function.is_plain {
                ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, places.function_globals);
                ffi::set_globals(lua);
            }
            ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, function.reference);
            let mut status = 0;
            if function.wants > 0 {
                ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, places.arguments);
                status = ffi::lua_pcall(lua, 0, i32::from(function.wants), 0);
            }
            if status == 0 {
                status = ffi::lua_pcall(lua, i32::from(function.wants), 1, HANDLER);
            }
            let result = self.conclude(status);
            if !function.is_plain {
                ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, places.script_globals);
                ffi::set_globals(lua);
            }
            (*core).watch.control.end();
            drop(lent);
            self.tidy();
            result
        }
    }

    /// Forgets a function.
    pub(crate) fn forget_function(&mut self, function: LibraryFunction) {
        let lua = self.lua.as_ptr();
        // SAFETY: (3) as in `Vm::forget`.
        unsafe {
            ffi::lua_cpcall(lua, unref, function.reference as usize as *mut c_void);
            ffi::lua_settop(lua, BASE_TOP);
        }
    }

    /// Where the state keeps what libraries need, made at the first call. `None` if memory was refused.
    unsafe fn library_places(&mut self) -> Option<Places> {
        let lua = self.lua.as_ptr();
        let core = self.core.as_ptr();
        // SAFETY: (4) reasons L and C; set-up runs in protected mode.
        unsafe {
            if (*core).library.places.is_none() {
                let before = (*core).protected_len;
                if ffi::lua_cpcall(lua, open, std::ptr::null_mut()) != 0 {
                    // What was protected until memory ran out is not used.
                    (*core).protected_len = before;
                }
                ffi::lua_settop(lua, BASE_TOP);
            }
            (*core).library.places
        }
    }
}

/// Globals of scripts that functions do not have, or have in another form.
const NOT_OF_FUNCTIONS: &[&CStr] =
    &[c"ARGV", c"KEYS", c"_G", c"__redis__err__handler", c"__server__err__handler", c"redis", c"server"];

/// Fields of `redis` that functions do not have.
const NOT_IN_REDIS: &[&CStr] = &[c"breakpoint", c"debug", c"replicate_commands"];

/// Fields of `redis` that there are while a library loads.
const IN_LOADING_REDIS: &[&CStr] = &[
    c"LOG_DEBUG",
    c"LOG_NOTICE",
    c"LOG_VERBOSE",
    c"LOG_WARNING",
    c"REDIS_VERSION",
    c"REDIS_VERSION_NUM",
    c"SERVER_NAME",
    c"VALKEY_VERSION",
    c"VALKEY_VERSION_NUM",
    c"log",
];

/// Builds the environments of functions and of loading, and notes where they are. Run in protected mode; what was
/// built when memory runs out is garbage.
unsafe extern "C-unwind" fn open(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (5) reasons L and C; all is plain data. `prepare` has the table of globals and the plain environment
    // among its upvalues.
    unsafe {
        ffi::lua_settop(lua, 0);
        ffi::lua_getfield_(lua, ffi::LUA_REGISTRYINDEX, run::PREPARE_NAME.as_ptr());
        ffi::lua_getupvalue(lua, 1, 4);
        ffi::lua_getupvalue(lua, 1, 1);
        ffi::lua_remove(lua, 1);
        let (script_plain, script_globals) = (1, 2);

        libs::open_redis(lua);
        let redis = 3;
        for name in NOT_IN_REDIS {
            ffi::lua_pushnil(lua);
            ffi::lua_setfield(lua, redis, name.as_ptr());
        }
        ffi::lua_pushvalue(lua, redis);
        protect(lua);
        let redis_proxy = 4;

        ffi::lua_createtable(lua, 0, HARMLESS.len() as i32);
        let plain = 5;
        for name in HARMLESS {
            ffi::lua_pushstring_(lua, name.as_ptr());
            ffi::lua_pushvalue(lua, -1);
            ffi::lua_rawget_(lua, script_plain);
            ffi::lua_rawset(lua, plain);
        }
        ffi::lua_createtable(lua, 0, 40);
        let globals = 6;
        ffi::lua_pushnil(lua);
        while ffi::lua_next(lua, script_globals) != 0 {
            ffi::lua_pushvalue(lua, -2);
            ffi::lua_insert(lua, -2);
            ffi::lua_rawset(lua, globals);
        }
        for name in NOT_OF_FUNCTIONS {
            ffi::lua_pushnil(lua);
            ffi::lua_setfield(lua, globals, name.as_ptr());
        }
        let server = (*core(lua)).server;
        for name in server.tables() {
            ffi::lua_pushvalue(lua, redis);
            ffi::lua_setfield(lua, plain, name.as_ptr());
            ffi::lua_pushvalue(lua, redis_proxy);
            ffi::lua_setfield(lua, globals, name.as_ptr());
        }
        guard(lua);
        ffi::lua_pushvalue(lua, plain);
        guard(lua);
        ffi::lua_settop(lua, globals);
        ffi::lua_pushvalue(lua, globals);
        protect::protect_globals(lua);
        let proxy = 7;
        ffi::lua_pushvalue(lua, proxy);
        ffi::lua_setfield(lua, ffi::LUA_REGISTRYINDEX, FUNCTION_GLOBALS.as_ptr());
        ffi::lua_pushvalue(lua, proxy);
        ffi::lua_setfield(lua, globals, c"_G".as_ptr());

        // What there is while a library loads.
        ffi::lua_createtable(lua, 0, IN_LOADING_REDIS.len() as i32 + 1);
        for name in IN_LOADING_REDIS {
            ffi::lua_getfield_(lua, redis, name.as_ptr());
            ffi::lua_setfield(lua, -2, name.as_ptr());
        }
        ffi::lua_pushcclosure(lua, register_function, 0);
        ffi::lua_setfield(lua, -2, c"register_function".as_ptr());
        guard(lua);
        protect(lua);
        ffi::lua_createtable(lua, 0, 2);
        for name in server.tables() {
            ffi::lua_pushvalue(lua, -2);
            ffi::lua_setfield(lua, -2, name.as_ptr());
        }
        guard(lua);
        protect(lua);

        for value in [proxy, globals, plain] {
            ffi::lua_pushvalue(lua, value);
        }
        ffi::lua_pushcclosure(lua, load_library, 4);
        let load = ffi::luaL_ref(lua, ffi::LUA_REGISTRYINDEX);
        ffi::lua_pushcclosure(lua, make_arguments, 0);
        let arguments = ffi::luaL_ref(lua, ffi::LUA_REGISTRYINDEX);
        ffi::lua_getfield_(lua, ffi::LUA_REGISTRYINDEX, protect::GLOBALS.as_ptr());
        let script_globals = ffi::luaL_ref(lua, ffi::LUA_REGISTRYINDEX);
        ffi::lua_pushvalue(lua, proxy);
        let function_globals = ffi::luaL_ref(lua, ffi::LUA_REGISTRYINDEX);
        (*core(lua)).library.places = Some(Places { load, arguments, script_globals, function_globals });
        0
    }
}

/// Pushes the tables of keys and of arguments, or only the first, as far as the function sees them.
unsafe extern "C-unwind" fn make_arguments(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (6) reasons L and C; the inputs are lent for the length of `run_function`, which calls this.
    unsafe {
        let lists = (*core(lua)).inputs.lists;
        let mut made = 0;
        for input in lists.into_iter().flatten() {
            ffi::lua_createtable(lua, input.len as i32, 0);
            for at in 0..input.len {
                push_bytes(lua, *input.first.add(at));
                ffi::lua_rawseti_(lua, -2, at as i32 + 1);
            }
            made += 1;
        }
        made
    }
}

/// Compiles and runs the text that the core points to, and then finds what it registered. Its upvalues are the
/// environments: of loading, and of functions the proxy, the table behind it and the plain one.
unsafe extern "C-unwind" fn load_library(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (7) reasons L and C; `Vm::load_library` notes a pointer and a length that outlive the call. `Functions`
    // is plain data.
    unsafe {
        let core = core(lua);
        let (first, len) = (*core).source;
        let text = std::slice::from_raw_parts(first, len);
        if load_text(lua, text, LIBRARY) != 0 {
            let message = bytes_at(lua, -1);
            (*core).error.clear();
            (*core).error.extend_from_slice(message);
            return 0;
        }
        (*core).library.is_compiled = true;
        ffi::lua_pushvalue(lua, ffi::lua_upvalueindex(1));
        ffi::set_environment(lua);
        (*core).library.is_loading = true;
        ffi::lua_call(lua, 0, 0);
        (*core).library.is_loading = false;
        finish(lua, core);
        0
    }
}

/// Looks at everything that can be reached from what was registered, and moves the functions among it to their
/// environment.
unsafe fn finish(lua: *mut ffi::lua_State, core: *mut Core) {
    // SAFETY: (8) reasons L and C; `Functions` is plain data, and the buffer for dumps is the core's.
    unsafe {
        ffi::lua_settop(lua, 0);
        ffi::lua_createtable(lua, 0, 0);
        ffi::lua_createtable(lua, 0, 0);
        let mut reached = Reached { lua, count: 0 };
        for at in 0..(*core).library.registered.len() {
            let place = (&(*core).library.registered)[at].1.reference;
            ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, place);
            reached.add();
        }
        let callbacks = reached.count;
        let mut functions = Functions::default();
        let mut keeps = false;
        let mut at = 0;
        while at < reached.count {
            at += 1;
            ffi::lua_rawgeti_(lua, Reached::LIST, at);
            let value = ffi::lua_gettop(lua);
            if ffi::lua_type(lua, value) == ffi::LUA_TFUNCTION {
                let is_c = ffi::lua_iscfunction(lua, value) != 0;
                let mut wants = 2;
                if !is_c {
                    let dump = &raw mut (*core).dump;
                    (*dump).clear();
                    let complete =
                        ffi::READS_BYTECODE && ffi::lua_dump_(lua, write_dump, dump.cast::<c_void>()) == 0;
                    wants = functions.add(if complete { &*dump } else { &[] });
                }
                if at <= callbacks {
                    // A function that was registered under several names is in the list once.
                    for (_, registered) in &mut (*core).library.registered {
                        ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, registered.reference);
                        if ffi::lua_rawequal(lua, -1, value) != 0 {
                            registered.wants = wants;
                        }
                        ffi::lua_settop(lua, value);
                    }
                }
                let mut number = 1;
                while !ffi::lua_getupvalue(lua, value, number).is_null() {
                    // What a function of a library has for itself changes if it is a number (`gmatch`).
                    keeps |= is_c && ffi::lua_type(lua, -1) == ffi::LUA_TNUMBER;
                    keeps |= reached.add();
                    number += 1;
                }
            } else {
                ffi::lua_pushnil(lua);
                while ffi::lua_next(lua, value) != 0 {
                    reached.add();
                    ffi::lua_pushvalue(lua, -1);
                    reached.add();
                }
            }
            ffi::lua_settop(lua, Reached::LIST);
        }
        let needs = functions.needs();
        let is_plain =
            needs.environment == Environment::Plain && needs.keys == Use::None && needs.args == Use::None;
        let environment = match needs.environment {
            Environment::Proxy => 2,
            _ if is_plain => 4,
            _ => 3,
        };
        for at in 1..=reached.count {
            ffi::lua_rawgeti_(lua, Reached::LIST, at);
            if ffi::lua_type(lua, -1) == ffi::LUA_TFUNCTION && ffi::lua_iscfunction(lua, -1) == 0 {
                ffi::lua_pushvalue(lua, ffi::lua_upvalueindex(environment));
                ffi::set_environment(lua);
            }
            ffi::lua_settop(lua, Reached::LIST);
        }
        for (_, registered) in &mut (*core).library.registered {
            registered.is_plain = is_plain;
            registered.counting = needs.counting;
        }
        (*core).library.keeps = keeps || functions.keeps();
    }
}

/// What was reached: a set of it at the bottom of the stack, and a list above.
struct Reached {
    lua: *mut ffi::lua_State,
    count: i32,
}

impl Reached {
    const SET: i32 = 1;
    const LIST: i32 = 2;

    /// Takes the value from the top of the stack; answers whether it may be written by those who have it.
    unsafe fn add(&mut self) -> bool {
        let lua = self.lua;
        // SAFETY: (9) reason L.
        unsafe {
            let sort = ffi::lua_type(lua, -1);
            let is_shown = sort == ffi::LUA_TTABLE && behind(lua, -1).is_some();
            if !matches!(sort, ffi::LUA_TFUNCTION | ffi::LUA_TTABLE) || is_shown {
                ffi::lua_settop(lua, -2);
                return matches!(sort, ffi::LUA_TUSERDATA | ffi::LUA_TTHREAD);
            }
            ffi::lua_pushvalue(lua, -1);
            ffi::lua_rawget_(lua, Reached::SET);
            let is_new = ffi::lua_isnil(lua, -1) != 0;
            ffi::lua_settop(lua, -2);
            if is_new {
                ffi::lua_pushvalue(lua, -1);
                ffi::lua_pushboolean(lua, 1);
                ffi::lua_rawset(lua, Reached::SET);
                self.count += 1;
                ffi::lua_rawseti_(lua, Reached::LIST, self.count);
            } else {
                ffi::lua_settop(lua, -2);
            }
            sort == ffi::LUA_TTABLE
        }
    }
}

/// Raises a text as an error table, as Redis raises its own: without a position.
unsafe fn raise(lua: *mut ffi::lua_State, line: &'static str) -> ! {
    // SAFETY: (10) reason L.
    unsafe {
        push_error(lua, line.as_bytes(), false);
        ffi::lua_error(lua)
    }
}

/// `redis.register_function(name, callback)`, or with one table of named arguments.
unsafe extern "C-unwind" fn register_function(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (11) reasons L and C. Step 1 puts name, description and callback at fixed places of this frame, where
    // nothing frees them; the reference is the last thing that may raise. Step 2 copies into the core inside `caught`.
    unsafe {
        let core = core(lua);
        let texts = (*core).texts;
        if !(*core).library.is_loading {
            raise(lua, texts.register_outside_load);
        }
        let flags = match ffi::lua_gettop(lua) {
            1 => read_named(lua),
            2 => {
                if ffi::lua_isstring(lua, 1) == 0 {
                    raise(lua, texts.register_first);
                }
                if ffi::lua_type(lua, 2) != ffi::LUA_TFUNCTION {
                    raise(lua, texts.register_second);
                }
                ffi::lua_pushnil(lua);
                ffi::lua_insert(lua, 2);
                0
            }
            _ => raise(lua, texts.register_count),
        };
        let (name_at, description_at, callback_at) = (1, 2, 3);
        // Numbers become strings in place.
        ffi::lua_tolstring(lua, name_at, std::ptr::null_mut());
        let name = bytes_at(lua, name_at);
        if !is_name(name) {
            raise(lua, BAD_NAME);
        }
        let registered = &raw mut (*core).library.registered;
        if (*registered).iter().any(|(other, _)| other.name.eq_ignore_ascii_case(name)) {
            raise(lua, "ERR Function already exists in the library");
        }
        let has_description = ffi::lua_isstring(lua, description_at) != 0;
        if has_description {
            ffi::lua_tolstring(lua, description_at, std::ptr::null_mut());
        }
        ffi::lua_pushvalue(lua, callback_at);
        let reference = ffi::luaL_ref(lua, ffi::LUA_REGISTRYINDEX);
        caught(|| {
            let description = has_description.then(|| bytes_at(lua, description_at).to_vec());
            let function = LibraryFunction { reference, wants: 2, is_plain: false, counting: true };
            (*registered).push((Registration { name: name.to_vec(), description, flags }, function));
        });
        0
    }
}

/// What is wrong with a name; functions are told so with the same words as libraries.
pub(super) const BAD_NAME: &str = "ERR Library names can only contain letters, numbers, or underscores(_) and must be \
     at least one character long";

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Reads the table of named arguments: leaves name, description and callback on the stack in its place, and answers
/// the flags.
unsafe fn read_named(lua: *mut ffi::lua_State) -> u32 {
    // SAFETY: (12) reason L. No key is converted while the table is walked.
    unsafe {
        let texts = (*core(lua)).texts;
        if ffi::lua_type(lua, 1) != ffi::LUA_TTABLE {
            raise(lua, texts.register_one_argument);
        }
        let (name_at, description_at, callback_at) = (2, 3, 4);
        ffi::lua_settop(lua, 4);
        let mut flags = 0;
        ffi::lua_pushnil(lua);
        while ffi::lua_next(lua, 1) != 0 {
            let key = match ffi::lua_type(lua, -2) {
                ffi::LUA_TSTRING => bytes_at(lua, -2),
                // No name is a number.
                ffi::LUA_TNUMBER => &[],
                _ => raise(lua, texts.register_key),
            };
            let is = |name: &str| key.eq_ignore_ascii_case(name.as_bytes());
            if is("function_name") {
                if ffi::lua_isstring(lua, -1) == 0 {
                    raise(lua, texts.register_name_type);
                }
                ffi::lua_replace(lua, name_at);
            } else if is("description") {
                if ffi::lua_isstring(lua, -1) == 0 {
                    raise(lua, texts.register_description_type);
                }
                ffi::lua_replace(lua, description_at);
            } else if is("callback") {
                if ffi::lua_type(lua, -1) != ffi::LUA_TFUNCTION {
                    raise(lua, texts.register_callback_type);
                }
                ffi::lua_replace(lua, callback_at);
            } else if is("flags") {
                if ffi::lua_type(lua, -1) != ffi::LUA_TTABLE {
                    raise(lua, texts.register_flags_type);
                }
                flags = read_flags(lua);
                ffi::lua_settop(lua, -2);
            } else {
                raise(lua, texts.register_unknown);
            }
        }
        if ffi::lua_isnil(lua, name_at) != 0 {
            raise(lua, texts.register_no_name);
        }
        if ffi::lua_isnil(lua, callback_at) != 0 {
            raise(lua, texts.register_no_callback);
        }
        ffi::lua_remove(lua, 1);
        flags
    }
}

/// Reads the array of flags on top of the stack.
unsafe fn read_flags(lua: *mut ffi::lua_State) -> u32 {
    // SAFETY: (13) reasons L and C; the host is asked inside `caught`.
    unsafe {
        let mut found = 0;
        for at in 1.. {
            ffi::lua_rawgeti_(lua, -1, at);
            if ffi::lua_isnil(lua, -1) != 0 {
                break;
            }
            let name = if ffi::lua_type(lua, -1) == ffi::LUA_TSTRING { bytes_at(lua, -1) } else { &[] };
            let core = core(lua);
            let flag = caught(|| host(core).and_then(|host| host.flag(name))).flatten();
            match flag {
                Some(flag) => found |= flag,
                None => raise(lua, "ERR unknown flag given"),
            }
            ffi::lua_settop(lua, -2);
        }
        ffi::lua_settop(lua, -2);
        found
    }
}

#[cfg(test)]
mod tests;
