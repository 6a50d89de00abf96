//! Building a state: which libraries scripts see, and in which form.

use std::ffi::{CStr, c_void};

use super::core::{Core, core, push_bytes};
use super::ffi;
use super::load::{load, load_text, loadstring};
use super::protect::{self, BASE, GLOBALS, STRING_META, TABLE, protect};
use super::scan::HARMLESS;
use super::{convert, libs, run};

/// Globals of the stock libraries that a script must not reach.
const HIDDEN: &[&CStr] = &[
    c"debug",
    c"dofile",
    c"getfenv",
    c"loadfile",
    c"module",
    c"newproxy",
    c"package",
    c"print",
    c"require",
    c"setfenv",
];

/// Libraries of Lua whose tables scripts may read but not change, as those of [`libs::ADDED`].
const LIBRARIES: &[&CStr] = &[c"coroutine", c"math", c"string", c"table"];

/// What runs first when a script fails: it turns the error into a table and notes where it happened. It is a Lua
/// function, as in Redis, because what happens when its own writes are refused can be seen: that names this chunk
/// and the line of the first write, which is why that stands on line 10.
const ERROR_HANDLER: &[u8] = b"local getinfo = ...
-- Level 2 is the function that failed; when that is a C function, the place
-- to name is its caller.
return function(err)
  local frame = getinfo(2, 'nSl')
  if frame and frame.what == 'C' then frame = getinfo(3, 'nSl') end
  if type(err) ~= 'table' then err = {err = 'ERR ' .. tostring(err)} end
  -- The next two lines may fail on a table that refuses writes.
  if frame then
    err['source'] = frame.source
    err['line'] = frame.currentline
  end
  return err
end
";

/// The name of its chunk.
pub(super) const HANDLER_SOURCE: &CStr = c"@err_handler_def";

/// Stack positions that stay filled as long as the state lives.
pub(super) const HANDLER: i32 = 1;
pub(super) const PREPARE: i32 = 2;
pub(super) const CONVERT: i32 = 3;
pub(super) const DESCRIBE: i32 = 4;
pub(super) const LOAD: i32 = 5;
pub(super) const FILL: i32 = 6;
pub(super) const BASE_TOP: i32 = 6;

/// Builds the state's libraries, and keeps the six functions above in the registry under their names. Run in
/// protected mode.
pub(super) unsafe extern "C-unwind" fn open(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (1) reason L; all is plain data, so that running out of memory may jump out anywhere.
    unsafe {
        ffi::open_libraries(lua);
        ffi::push_globals(lua);
        let globals = 1;

        // The error handler keeps the stock functions that it needs as upvalues.
        load_text(lua, ERROR_HANDLER, HANDLER_SOURCE);
        ffi::lua_getfield_(lua, globals, c"debug".as_ptr());
        ffi::lua_getfield_(lua, -1, c"getinfo".as_ptr());
        ffi::lua_replace(lua, -2);
        ffi::lua_call(lua, 1, 1);
        ffi::lua_setfield(lua, ffi::LUA_REGISTRYINDEX, run::HANDLER_NAME.as_ptr());

        for name in HIDDEN.iter().chain(ffi::HIDDEN) {
            ffi::lua_pushnil(lua);
            ffi::lua_setfield(lua, globals, name.as_ptr());
        }
        for (name, function) in [(c"load", load as ffi::lua_CFunction), (c"loadstring", loadstring)] {
            ffi::lua_pushcclosure(lua, function, 0);
            ffi::lua_setfield(lua, globals, name.as_ptr());
        }
        for (library, name, known) in ffi::ALIASES {
            ffi::lua_getfield_(lua, globals, library.as_ptr());
            ffi::lua_getfield_(lua, -1, known.as_ptr());
            ffi::lua_setfield(lua, -2, name.as_ptr());
            ffi::lua_settop(lua, globals);
        }
        for (library, name, function) in ffi::POLYFILLS {
            ffi::lua_getfield_(lua, globals, library.as_ptr());
            wrap(lua, ffi::lua_gettop(lua), name, *function);
            ffi::lua_settop(lua, globals);
        }
        for (name, function) in BASE.iter().chain(libs::BASE) {
            wrap(lua, globals, name, *function);
        }
        install(lua, c"table", TABLE);
        install(lua, c"table", libs::SORT);
        install(lua, c"math", libs::RANDOM);
        install(lua, c"string", libs::STRING);
        install(lua, c"coroutine", libs::COROUTINE);
        // The old name of the same function.
        ffi::lua_getfield_(lua, globals, c"string".as_ptr());
        ffi::lua_getfield_(lua, -1, c"gmatch".as_ptr());
        ffi::lua_setfield(lua, -2, c"gfind".as_ptr());
        ffi::lua_settop(lua, globals);

        let server = (*core(lua)).server;
        for name in server.handlers() {
            ffi::lua_getfield_(lua, ffi::LUA_REGISTRYINDEX, run::HANDLER_NAME.as_ptr());
            ffi::lua_setfield(lua, globals, name.as_ptr());
        }

        for (name, open) in libs::ADDED {
            open(lua);
            ffi::lua_setfield(lua, globals, name.as_ptr());
        }

        // The plain environment, with the tables as they are before they get proxies.
        libs::open_redis(lua);
        for name in server.tables() {
            ffi::lua_pushvalue(lua, -1);
            ffi::lua_setfield(lua, globals, name.as_ptr());
        }
        ffi::lua_createtable(lua, 0, HARMLESS.len() as i32 + 2);
        for name in HARMLESS {
            ffi::lua_getfield_(lua, globals, name.as_ptr());
            ffi::lua_setfield(lua, -2, name.as_ptr());
        }
        protect::guard(lua);
        let plain = 2;
        ffi::lua_insert(lua, plain);

        // Tables behind proxies.
        protect(lua);
        for name in server.tables() {
            ffi::lua_pushvalue(lua, -1);
            ffi::lua_setfield(lua, globals, name.as_ptr());
        }
        ffi::lua_settop(lua, -2);
        for name in LIBRARIES.iter().chain(libs::ADDED.iter().map(|(name, _)| name)) {
            ffi::lua_getfield_(lua, globals, name.as_ptr());
            protect(lua);
            ffi::lua_setfield(lua, globals, name.as_ptr());
        }
        // What scripts see of the metatable of strings: the real one keeps the real library, so that methods of
        // strings are found as fast as ever.
        ffi::lua_createtable(lua, 0, 1);
        ffi::lua_getfield_(lua, globals, c"string".as_ptr());
        ffi::lua_setfield(lua, -2, c"__index".as_ptr());
        protect(lua);
        ffi::lua_setfield(lua, ffi::LUA_REGISTRYINDEX, STRING_META.as_ptr());

        // `_G` itself: every chunk that is loaded from now on has the proxy as its environment.
        ffi::lua_pushvalue(lua, globals);
        protect::guard_globals(lua);
        protect::protect_globals(lua);
        ffi::lua_pushvalue(lua, -1);
        ffi::lua_setfield(lua, ffi::LUA_REGISTRYINDEX, GLOBALS.as_ptr());
        ffi::lua_pushvalue(lua, -1);
        ffi::lua_setfield(lua, globals, c"_G".as_ptr());
        ffi::set_globals(lua);

        // Lua makes this message after it has left the outermost protected call; once it exists, making it takes no
        // memory that could be refused there.
        ffi::lua_pushstring_(lua, c"error in error handling".as_ptr());
        ffi::luaL_ref(lua, ffi::LUA_REGISTRYINDEX);

        // Kept for `Vm::run`: closures with what they need as upvalues, so that using them allocates nothing.
        ffi::lua_pushvalue(lua, globals);
        ffi::lua_pushstring_(lua, c"KEYS".as_ptr());
        ffi::lua_pushstring_(lua, c"ARGV".as_ptr());
        ffi::lua_pushvalue(lua, plain);
        ffi::lua_createtable(lua, 1, 0);
        ffi::lua_createtable(lua, 1, 0);
        ffi::lua_pushcclosure(lua, run::prepare, 6);
        ffi::lua_setfield(lua, ffi::LUA_REGISTRYINDEX, run::PREPARE_NAME.as_ptr());
        for name in convert::FIELDS {
            push_bytes(lua, name);
        }
        ffi::lua_pushcclosure(lua, convert::convert, convert::FIELDS.len() as i32);
        ffi::lua_setfield(lua, ffi::LUA_REGISTRYINDEX, run::CONVERT_NAME.as_ptr());
        ffi::lua_pushcclosure(lua, run::describe, 0);
        ffi::lua_setfield(lua, ffi::LUA_REGISTRYINDEX, run::DESCRIBE_NAME.as_ptr());
        ffi::lua_pushvalue(lua, globals);
        ffi::lua_pushvalue(lua, plain);
        ffi::lua_getfield_(lua, ffi::LUA_REGISTRYINDEX, run::PREPARE_NAME.as_ptr());
        ffi::lua_pushcclosure(lua, run::compile, 3);
        ffi::lua_setfield(lua, ffi::LUA_REGISTRYINDEX, run::LOAD_NAME.as_ptr());
        ffi::lua_pushcclosure(lua, run::fill_script, 0);
        ffi::lua_setfield(lua, ffi::LUA_REGISTRYINDEX, run::FILL_NAME.as_ptr());
        0
    }
}

/// Replaces a function of the table at an index by a closure that has as its upvalue what it builds on: the stock
/// function in most cases.
unsafe fn wrap(lua: *mut ffi::lua_State, table: i32, name: &CStr, function: ffi::lua_CFunction) {
    // SAFETY: (2) reason L.
    unsafe {
        if name == c"pairs" {
            // Not the global `next`: in Lua 5.1 these are two functions, and a script can compare them.
            ffi::lua_pushcclosure(lua, protect::next, 0);
        } else if name == c"xpcall" {
            ffi::lua_getfield_(lua, ffi::LUA_REGISTRYINDEX, run::HANDLER_NAME.as_ptr());
        } else {
            ffi::lua_getfield_(lua, table, name.as_ptr());
        }
        ffi::lua_pushcclosure(lua, function, 1);
        ffi::lua_setfield(lua, table, name.as_ptr());
    }
}

/// Puts functions of a library in the place of the stock ones.
unsafe fn install(lua: *mut ffi::lua_State, library: &CStr, functions: &[(&CStr, ffi::lua_CFunction)]) {
    // SAFETY: (3) reason L; the table of globals is at the bottom of the stack.
    unsafe {
        ffi::lua_getfield_(lua, 1, library.as_ptr());
        let table = ffi::lua_gettop(lua);
        for (name, function) in functions {
            wrap(lua, table, name, *function);
        }
        ffi::lua_settop(lua, -2);
    }
}

/// More places than the stack of a new state has.
const ROOMY: i32 = 100;

/// Makes a state over a core, with nothing in it.
pub(super) unsafe fn new_state(core: *mut Core) -> *mut ffi::lua_State {
    // SAFETY: (4) reason C; the allocator takes its user data for a `Core`.
    unsafe {
        let lua = ffi::lua_newstate(super::alloc::allocate, core.cast::<c_void>());
        if !lua.is_null() {
            ffi::lua_atpanic(lua, panic);
            if ffi::ALLOCATES_AS_5_4 {
                (*core).memory.find_stack();
                ffi::lua_checkstack(lua, ROOMY);
            }
        }
        lua
    }
}

/// An error outside every protected call, which the layer's rule excludes. Lua would end the process without a
/// word.
unsafe extern "C-unwind" fn panic(_: *mut ffi::lua_State) -> i32 {
    eprintln!(
        "redmoon: a Lua error outside a protected call; this is a mistake in redmoon, please report it"
    );
    std::process::abort()
}
