//! Functions of the string library that the stock one runs without bounds: those with patterns, and `rep`. Those that
//! go over a long text once look at the limits first.

use std::ffi::CStr;
use std::mem::MaybeUninit;

use super::pattern::{self, Captured, Matcher, Trouble};
use crate::vm::core::{Core, bytes_at, caught, core, push_bytes};
use crate::vm::ffi;
use crate::vm::limit;

pub(in crate::vm) const FUNCTIONS: &[(&CStr, ffi::lua_CFunction)] = &[
    (c"find", find),
    (c"format", over_text),
    (c"gmatch", gmatch),
    (c"gsub", gsub),
    (c"lower", over_text),
    (c"match", match_),
    (c"rep", rep),
    (c"reverse", over_text),
    (c"upper", over_text),
];

/// From so many bytes on the limits are looked at first.
const LARGE: usize = 64 * 1024;

/// The stock function, after a look at the limits if one of its texts is long.
unsafe extern "C-unwind" fn over_text(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (17) reason L.
    unsafe {
        let is_long = |at| ffi::lua_type(lua, at) == ffi::LUA_TSTRING && ffi::lua_objlen(lua, at) >= LARGE;
        if (1..=ffi::lua_gettop(lua)).any(is_long) {
            limit::check(lua);
        }
        ffi::stock_that_calls(lua)
    }
}

/// Characters that make a pattern more than text.
const SPECIAL: &[u8] = b"^$*+?.([%-";

/// The bytes of an argument that must be a string or a number. Valid as long as the argument is on the stack.
unsafe fn text<'l>(lua: *mut ffi::lua_State, index: i32) -> &'l [u8] {
    // SAFETY: (1) reason L of the layer's head.
    unsafe {
        let mut len = 0;
        let first = ffi::luaL_checklstring(lua, index, &mut len);
        std::slice::from_raw_parts(first.cast::<u8>(), len)
    }
}

/// What a matcher asks now and then: whether the script must stop.
unsafe fn looker(core: *mut Core) -> impl FnMut() -> bool {
    // SAFETY: (2) reason C; `look` raises nothing.
    move || unsafe { caught(|| limit::look(core)).flatten().is_some() }
}

/// Raises what a matcher could not do.
unsafe fn raise(lua: *mut ffi::lua_State, trouble: &Trouble) -> ! {
    // SAFETY: (3) reason L; the callers' frames hold plain data.
    unsafe {
        let text = match trouble {
            Trouble::Text(text) => *text,
            Trouble::Stop => {
                // A stop is never taken back, so this raises.
                limit::check(lua);
                c"stopped"
            }
        };
        ffi::luaL_where(lua, 1);
        ffi::lua_pushstring_(lua, text.as_ptr());
        ffi::lua_concat(lua, 2);
        ffi::lua_error(lua)
    }
}

/// Pushes the captures of a match, or the whole match if there are none and `whole` says so.
unsafe fn push_captures(
    lua: *mut ffi::lua_State,
    matcher: &Matcher<'_>,
    source: &[u8],
    range: (usize, usize),
    whole: bool,
) -> i32 {
    let count = matcher.values(whole);
    // SAFETY: (4) reason L.
    unsafe {
        ffi::luaL_checkstack_(lua, count as i32, c"too many captures".as_ptr());
        for index in 0..count {
            push_capture(lua, matcher, source, range, index);
        }
    }
    count as i32
}

unsafe fn push_capture(
    lua: *mut ffi::lua_State,
    matcher: &Matcher<'_>,
    source: &[u8],
    (start, end): (usize, usize),
    index: usize,
) {
    // SAFETY: (5) reason L.
    unsafe {
        match matcher.value(index, start, end) {
            Ok(Captured::Bytes { start, end }) => push_bytes(lua, &source[start..end]),
            Ok(Captured::Position(position)) => ffi::lua_pushinteger(lua, position as ffi::lua_Integer),
            Err(trouble) => raise(lua, &trouble),
        }
    }
}

unsafe extern "C-unwind" fn find(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (6) reason L.
    unsafe { search(lua, true) }
}

unsafe extern "C-unwind" fn match_(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (7) reason L.
    unsafe { search(lua, false) }
}

unsafe fn search(lua: *mut ffi::lua_State, find: bool) -> i32 {
    // SAFETY: (8) reasons L and C; source and pattern stay on the stack, and what may raise finds plain data only.
    unsafe {
        let source = text(lua, 1);
        let pattern = text(lua, 2);
        let start = ffi::luaL_optinteger(lua, 3, 1) as i64;
        let len = source.len() as i64;
        let start = if start < 0 { start + len } else { start - 1 };
        let start = start.clamp(0, len) as usize;
        let mut look = looker(core(lua));
        let visible = pattern.split(|&byte| byte == 0).next().unwrap_or_default();
        let is_plain =
            find && (ffi::lua_toboolean(lua, 4) != 0 || !visible.iter().any(|byte| SPECIAL.contains(byte)));
        if is_plain {
            match pattern::plain(source, pattern, start, &mut look) {
                Ok(Some(at)) => {
                    ffi::lua_pushinteger(lua, (at + 1) as ffi::lua_Integer);
                    ffi::lua_pushinteger(lua, (at + pattern.len()) as ffi::lua_Integer);
                    return 2;
                }
                Ok(None) => {}
                Err(trouble) => raise(lua, &trouble),
            }
        } else {
            let anchored = usize::from(pattern.first() == Some(&b'^'));
            let mut matcher = Matcher::new(source, pattern, &mut look);
            for at in start..=source.len() {
                match matcher.at(at, anchored) {
                    Ok(Some(end)) if find => {
                        ffi::lua_pushinteger(lua, (at + 1) as ffi::lua_Integer);
                        ffi::lua_pushinteger(lua, end as ffi::lua_Integer);
                        return push_captures(lua, &matcher, source, (at, end), false) + 2;
                    }
                    Ok(Some(end)) => return push_captures(lua, &matcher, source, (at, end), true),
                    Ok(None) if anchored == 1 => break,
                    Ok(None) => {}
                    Err(trouble) => raise(lua, &trouble),
                }
            }
        }
        ffi::lua_pushnil(lua);
        1
    }
}

unsafe extern "C-unwind" fn gmatch(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (9) reason L.
    unsafe {
        text(lua, 1);
        text(lua, 2);
        ffi::lua_settop(lua, 2);
        ffi::lua_pushinteger(lua, 0);
        ffi::lua_pushcclosure(lua, next_match, 3);
        1
    }
}

/// The next match; the upvalues are the source, the pattern, and where to go on.
unsafe extern "C-unwind" fn next_match(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (10) as 8; upvalues keep the strings.
    unsafe {
        let source = bytes_at(lua, ffi::lua_upvalueindex(1));
        let pattern = bytes_at(lua, ffi::lua_upvalueindex(2));
        let start = ffi::lua_tointeger(lua, ffi::lua_upvalueindex(3)) as usize;
        let mut look = looker(core(lua));
        let mut matcher = Matcher::new(source, pattern, &mut look);
        for at in start..=source.len() {
            match matcher.at(at, 0) {
                Ok(Some(end)) => {
                    // An empty match is found once.
                    let next = if end == at { end + 1 } else { end };
                    ffi::lua_pushinteger(lua, next as ffi::lua_Integer);
                    ffi::lua_replace(lua, ffi::lua_upvalueindex(3));
                    return push_captures(lua, &matcher, source, (at, end), true);
                }
                Ok(None) => {}
                Err(trouble) => raise(lua, &trouble),
            }
        }
        0
    }
}

/// Where `gsub` keeps its buffer on the stack.
const BUFFER: i32 = 5;

/// Bytes in a userdata at [`BUFFER`]: Lua counts and frees it, whatever jumps.
struct Buffer {
    first: *mut u8,
    len: usize,
    room: usize,
}

impl Buffer {
    unsafe fn push(&mut self, lua: *mut ffi::lua_State, bytes: &[u8]) {
        // SAFETY: (11) reason L; there is room for the bytes, and the old buffer stays on the stack until it is copied.
        unsafe {
            let needed = self.len + bytes.len();
            if needed > self.room {
                let room = needed.max(self.room * 2).max(256);
                let first = ffi::lua_newuserdata(lua, room).cast::<u8>();
                if self.len > 0 {
                    first.copy_from_nonoverlapping(self.first, self.len);
                }
                ffi::lua_replace(lua, BUFFER);
                (self.first, self.room) = (first, room);
            }
            if !bytes.is_empty() {
                self.first.add(self.len).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
                self.len = needed;
            }
        }
    }
}

unsafe extern "C-unwind" fn gsub(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (12) as 8; the script's function cannot reach this frame, so the buffer stays where it is meanwhile.
    unsafe {
        let source = text(lua, 1);
        let pattern = text(lua, 2);
        let kind = ffi::lua_type(lua, 3);
        let most = ffi::luaL_optinteger(lua, 4, source.len() as ffi::lua_Integer + 1) as i32;
        if !matches!(kind, ffi::LUA_TNUMBER | ffi::LUA_TSTRING | ffi::LUA_TFUNCTION | ffi::LUA_TTABLE) {
            ffi::luaL_argerror(lua, 3, c"string/function/table expected".as_ptr());
        }
        ffi::lua_settop(lua, 4);
        ffi::lua_pushnil(lua);
        let mut buffer = Buffer { first: std::ptr::null_mut(), len: 0, room: 0 };
        let anchored = usize::from(pattern.first() == Some(&b'^'));
        let mut look = looker(core(lua));
        let mut matcher = Matcher::new(source, pattern, &mut look);
        // The source is in the buffer up to `copied`.
        let (mut at, mut copied, mut count) = (0, 0, 0);
        while count < most {
            let matched = match matcher.at(at, anchored) {
                Ok(matched) => matched,
                Err(trouble) => raise(lua, &trouble),
            };
            if let Some(end) = matched {
                count += 1;
                buffer.push(lua, &source[copied..at]);
                replace(lua, &mut buffer, &matcher, source, (at, end), kind);
                copied = end;
            }
            match matched {
                Some(end) if end > at => at = end,
                _ if at < source.len() => at += 1,
                _ => break,
            }
            if anchored == 1 {
                break;
            }
        }
        if count == 0 {
            ffi::lua_pushvalue(lua, 1);
        } else {
            buffer.push(lua, &source[copied..]);
            // A buffer that nothing was put into has no place.
            let whole =
                if buffer.len == 0 { &[] } else { std::slice::from_raw_parts(buffer.first, buffer.len) };
            push_bytes(lua, whole);
        }
        ffi::lua_pushinteger(lua, count.into());
        2
    }
}

/// Puts what stands for one match into the buffer.
unsafe fn replace(
    lua: *mut ffi::lua_State,
    buffer: &mut Buffer,
    matcher: &Matcher<'_>,
    source: &[u8],
    range: (usize, usize),
    kind: i32,
) {
    // SAFETY: (13) as 12.
    unsafe {
        match kind {
            ffi::LUA_TFUNCTION => {
                ffi::lua_pushvalue(lua, 3);
                let count = push_captures(lua, matcher, source, range, true);
                ffi::lua_call(lua, count, 1);
            }
            ffi::LUA_TTABLE => {
                push_capture(lua, matcher, source, range, 0);
                ffi::lua_gettable_(lua, 3);
            }
            _ => return replace_by_text(lua, buffer, matcher, source, range),
        }
        if ffi::lua_toboolean(lua, -1) == 0 {
            buffer.push(lua, &source[range.0..range.1]);
        } else if ffi::lua_isstring(lua, -1) == 0 {
            let name = ffi::lua_typename(lua, ffi::lua_type(lua, -1));
            ffi::luaL_error(lua, c"invalid replacement value (a %s)".as_ptr(), name);
        } else {
            buffer.push(lua, bytes_at(lua, -1));
        }
        ffi::lua_settop(lua, BUFFER);
    }
}

/// The replacement with `%0` to `%9` filled in.
unsafe fn replace_by_text(
    lua: *mut ffi::lua_State,
    buffer: &mut Buffer,
    matcher: &Matcher<'_>,
    source: &[u8],
    range: (usize, usize),
) {
    // SAFETY: (14) as 12.
    unsafe {
        let mut rest = bytes_at(lua, 3);
        while let Some(escape) = rest.iter().position(|&byte| byte == b'%') {
            buffer.push(lua, &rest[..escape]);
            // At the end of the text the stock function takes the zero behind it.
            let next = rest.get(escape + 1).copied().unwrap_or(0);
            match next {
                b'0' => buffer.push(lua, &source[range.0..range.1]),
                b'1'..=b'9' => {
                    push_capture(lua, matcher, source, range, usize::from(next - b'1'));
                    buffer.push(lua, bytes_at(lua, -1));
                    ffi::lua_settop(lua, BUFFER);
                }
                _ => buffer.push(lua, &[next]),
            }
            rest = rest.get(escape + 2..).unwrap_or_default();
        }
        buffer.push(lua, rest);
    }
}

/// `string.rep(text, count)`, in newer dialects with what stands between two: the stock function takes seconds for two thousand million empty strings.
unsafe extern "C-unwind" fn rep(lua: *mut ffi::lua_State) -> i32 {
    /// Up to this the result is put together in the frame.
    const SMALL: usize = 512;
    // SAFETY: (15) reason L; `filled` has the room, and is written before it is read.
    unsafe {
        let text = text(lua, 1);
        let count = usize::try_from(ffi::luaL_checkinteger(lua, 2) as i32).unwrap_or(0);
        let has_separator = ffi::HANDS_ON_ARGUMENTS && ffi::lua_isnoneornil(lua, 3) == 0;
        let separator = if has_separator { self::text(lua, 3) } else { &[] };
        let part = text.len() + separator.len();
        if part == 0 || count == 0 {
            push_bytes(lua, b"");
            return 1;
        }
        // Where the product does not fit, Lua refuses the allocation.
        let len = part.saturating_mul(count) - separator.len();
        let mut small = [const { MaybeUninit::<u8>::uninit() }; SMALL];
        let filled = if len <= SMALL {
            small.as_mut_ptr().cast::<u8>()
        } else {
            if len >= LARGE {
                limit::check(lua);
            }
            ffi::lua_newuserdata(lua, len).cast::<u8>()
        };
        filled.copy_from_nonoverlapping(text.as_ptr(), text.len());
        let mut done = text.len();
        if count > 1 {
            filled.add(done).copy_from_nonoverlapping(separator.as_ptr(), separator.len());
            done = part;
        }
        while done < len {
            let more = done.min(len - done);
            filled.add(done).copy_from_nonoverlapping(filled, more);
            done += more;
        }
        push_bytes(lua, std::slice::from_raw_parts(filled, len));
        1
    }
}
