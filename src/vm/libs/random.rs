//! `math.random` and `math.randomseed` over the host's generator: the same numbers on every machine, as in Redis.

use crate::vm::core::{caught, core, host};
use crate::vm::ffi;

pub(in crate::vm) const FUNCTIONS: &[(&std::ffi::CStr, ffi::lua_CFunction)] =
    &[(c"random", random), (c"randomseed", randomseed)];

/// The generator's outputs are taken modulo this, and stand for `[0, 1)`.
const MODULUS: i32 = i32::MAX;

unsafe extern "C-unwind" fn random(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (1) reasons L and C of the layer's head; the host is asked inside `caught`, and what may raise
    // afterwards finds numbers only. Arguments become C integers by truncation, as in C.
    unsafe {
        let core = core(lua);
        let drawn = caught(|| host(core).map_or(0, |host| host.random())).unwrap_or(0);
        let unit = f64::from(drawn % MODULUS) / f64::from(MODULUS);
        match ffi::lua_gettop(lua) {
            0 => ffi::lua_pushnumber(lua, unit),
            1 => {
                let upper = ffi::luaL_checkinteger(lua, 1) as i32;
                if upper < 1 {
                    ffi::luaL_argerror(lua, 1, c"interval is empty".as_ptr());
                }
                ffi::push_integer(lua, (unit * f64::from(upper)).floor() as i64 + 1);
            }
            2 => {
                let lower = ffi::luaL_checkinteger(lua, 1) as i32;
                let upper = ffi::luaL_checkinteger(lua, 2) as i32;
                if lower > upper {
                    ffi::luaL_argerror(lua, 2, c"interval is empty".as_ptr());
                }
                let width = upper.wrapping_sub(lower).wrapping_add(1);
                ffi::push_integer(lua, (unit * f64::from(width)).floor() as i64 + i64::from(lower));
            }
            _ => {
                ffi::luaL_error(lua, c"wrong number of arguments".as_ptr());
            }
        }
        1
    }
}

unsafe extern "C-unwind" fn randomseed(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (2) as 1.
    unsafe {
        let seed = ffi::luaL_checknumber(lua, 1);
        // A C compiler's conversion to 64 bits and then to 32: modulo 2^32.
        let seed = crate::num::f64_to_i64(seed) as i32;
        let core = core(lua);
        caught(|| {
            if let Some(host) = host(core) {
                host.seed(seed);
            }
        });
        0
    }
}
