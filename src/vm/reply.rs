//! [`Tokens`]: the reply of a command as the bridge notes it, and pushing it onto the Lua stack.

use std::sync::Arc;

use super::core::{Core, push_bytes};
use super::ffi;
use super::limit;
use super::recent::{Known, Recent};
use super::run::KEPT;
use crate::error::Error;
use crate::num;
use crate::protocol::Protocol;
use crate::reply::Reply;

/// A reply as flat tokens: an aggregate is followed by its parts. The buffers are reused from call to call.
pub(super) struct Tokens {
    /// The first token. Most replies have no other, and then no buffer is touched.
    first: Token,
    count: usize,
    /// How many of the tokens are aggregates.
    aggregates: usize,
    /// The tokens behind the first.
    rest: Vec<Token>,
    bytes: Vec<u8>,
    /// What tokens own, apart, so that a token has nothing to drop: nearly no reply has any.
    shared: Vec<Arc<Vec<u8>>>,
    errors: Vec<Error>,
    protocol: Protocol,
    /// Aggregates that are being pushed.
    open: Vec<Open>,
    recent: Recent,
}

impl Default for Tokens {
    fn default() -> Tokens {
        Tokens {
            first: Token::Null,
            count: 0,
            aggregates: 0,
            rest: Vec::new(),
            bytes: Vec::new(),
            shared: Vec::new(),
            errors: Vec::new(),
            protocol: Protocol::Resp2,
            open: Vec::new(),
            recent: Recent::default(),
        }
    }
}

/// Two words: it is written and read once for each value of a reply.
#[derive(Clone, Copy)]
enum Token {
    Null,
    Integer(i64),
    /// The status OK, which most writes answer.
    Ok,
    Bulk(Span),
    /// As `Bulk`; the string may be kept at this place of `recent`.
    Again(u8, Span),
    /// The string that is kept at this place of `recent`.
    Kept(u8),
    /// One of `shared`.
    Shared(usize),
    Status(Span),
    /// One of `errors`.
    Error(usize),
    Double(f64),
    /// Text, behind the three letters of its format.
    Verbatim(Span),
    Boolean(bool),
    BigNumber(Span),
    Array(usize),
    Map(usize),
    Set(usize),
}

const _: () = assert!(size_of::<Token>() == 16);

/// A part of the buffer.
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    len: u32,
}

impl Span {
    fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..][..self.len as usize]
    }
}

#[derive(Clone, Copy)]
struct Open {
    shape: Shape,
    /// Parts still to come.
    left: usize,
    next: i32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A plain table, 1 to n.
    Array,
    /// `{map={…}}`: the table on top is the inner one; a key waits under its value.
    Map,
    /// `{set={…}}`.
    Set,
}

impl Tokens {
    #[inline]
    pub(super) fn clear(&mut self, protocol: Protocol) {
        self.count = 0;
        self.aggregates = 0;
        self.rest.clear();
        self.bytes.clear();
        if !self.shared.is_empty() || !self.errors.is_empty() {
            self.let_go();
        }
        self.protocol = protocol;
    }

    #[cold]
    fn let_go(&mut self) {
        self.shared.clear();
        self.errors.clear();
    }

    /// Gives back what one large reply took.
    pub(super) fn shrink(&mut self) {
        self.clear(Protocol::Resp2);
        if self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
        }
        if self.rest.capacity() > KEPT / size_of::<Token>() {
            self.rest = Vec::new();
        }
    }

    pub(super) fn recent(&mut self) -> &mut Recent {
        &mut self.recent
    }

    #[inline]
    fn put(&mut self, token: Token) {
        if self.count == 0 {
            self.first = token;
        } else {
            self.rest.push(token);
        }
        self.count += 1;
    }

    /// Copies bytes into the buffer; `None` where its positions do not fit a `Span`.
    #[inline]
    fn keep(&mut self, bytes: &[u8]) -> Option<Span> {
        let start = self.bytes.len();
        if start + bytes.len() > u32::MAX as usize {
            return None;
        }
        let span = Span { start: start as u32, len: bytes.len() as u32 };
        self.bytes.extend_from_slice(bytes);
        Some(span)
    }
}

impl Reply for Tokens {
    fn protocol(&self) -> Protocol {
        self.protocol
    }
    fn null(&mut self) {
        self.put(Token::Null);
    }
    fn null_array(&mut self) {
        self.put(Token::Null);
    }
    fn integer(&mut self, number: i64) {
        self.put(Token::Integer(number));
    }
    fn ok(&mut self) {
        self.put(Token::Ok);
    }
    #[inline]
    fn bulk(&mut self, bytes: &[u8]) {
        let known = if self.count == 0 { self.recent.note(bytes) } else { Known::New };
        if let Known::Kept(place) = known {
            self.first = Token::Kept(place);
            self.count = 1;
            return;
        }
        match self.keep(bytes) {
            Some(span) => self.put(match known {
                Known::Again(place) => Token::Again(place, span),
                _ => Token::Bulk(span),
            }),
            None => self.shared(&Arc::new(bytes.to_vec())),
        }
    }
    fn shared(&mut self, bytes: &Arc<Vec<u8>>) {
        self.put(Token::Shared(self.shared.len()));
        self.shared.push(Arc::clone(bytes));
    }
    fn status(&mut self, line: &str) {
        let token = self.keep(line.as_bytes()).map_or(Token::Null, Token::Status);
        self.put(token);
    }
    fn error(&mut self, error: Error) {
        self.put(Token::Error(self.errors.len()));
        self.errors.push(error);
    }
    fn double(&mut self, number: f64) {
        if self.protocol == Protocol::Resp3 {
            self.put(Token::Double(number));
        } else {
            let mut digits = Vec::new();
            num::format_double_reply(number, &mut digits);
            self.bulk(&digits);
        }
    }
    fn verbatim(&mut self, format: [u8; 3], text: &[u8]) {
        if self.protocol == Protocol::Resp3 {
            let token = self.keep(&[&format, text].concat()).map_or(Token::Null, Token::Verbatim);
            self.put(token);
        } else {
            self.bulk(text);
        }
    }
    fn boolean(&mut self, is: bool) {
        self.put(if self.protocol == Protocol::Resp3 {
            Token::Boolean(is)
        } else {
            Token::Integer(is.into())
        });
    }
    fn big_number(&mut self, digits: &[u8]) {
        if self.protocol == Protocol::Resp3 {
            let token = self.keep(digits).map_or(Token::Null, Token::BigNumber);
            self.put(token);
        } else {
            self.bulk(digits);
        }
    }
    fn array(&mut self, len: usize) {
        self.aggregates += 1;
        self.put(Token::Array(len));
    }
    fn map(&mut self, len: usize) {
        self.aggregates += 1;
        // A RESP2 connection sees a map flat.
        self.put(if self.protocol == Protocol::Resp3 { Token::Map(len) } else { Token::Array(len * 2) });
    }
    fn set(&mut self, len: usize) {
        self.aggregates += 1;
        self.put(if self.protocol == Protocol::Resp3 { Token::Set(len) } else { Token::Array(len) });
    }
}

/// So many parts of a reply are pushed between two looks at the limits.
const LOOK: usize = 1_024;

/// Upvalues of the C functions that call [`push`]: strings that it would otherwise look up for each status.
pub(super) const NAME_OK: i32 = 1;
pub(super) const TEXT_OK: i32 = 2;

/// Pushes the noted reply as one value. Step 3 of the bridge's rule: it may jump at any allocation.
#[inline(always)]
pub(super) unsafe fn push(lua: *mut ffi::lua_State, core: *mut Core) {
    // SAFETY: (6) as 1. What most calls answer is pushed here, anything else below.
    unsafe {
        let tokens = &raw mut (*core).reply;
        match (*tokens).first {
            Token::Kept(place) if (*tokens).count == 1 => {
                ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, (*tokens).recent.reference(place));
            }
            Token::Bulk(span) if (*tokens).count == 1 => push_bytes(lua, span.of(&(*tokens).bytes)),
            Token::Integer(number) if (*tokens).count == 1 => ffi::push_integer(lua, number),
            _ => push_any(lua, core),
        }
    }
}

unsafe fn push_any(lua: *mut ffi::lua_State, core: *mut Core) {
    // SAFETY: (1) reasons L and C; the tokens are not changed while they are pushed, and `open` is only touched here.
    unsafe {
        let tokens = &raw mut (*core).reply;
        if (*tokens).count == 1 {
            // An aggregate that is alone is empty.
            if let Some(open) = push_token(lua, tokens, (*tokens).first) {
                finish(lua, open);
            }
            return;
        }
        if let (Token::Array(len), 1) = ((*tokens).first, (*tokens).aggregates) {
            return push_flat(lua, tokens, len);
        }
        (*tokens).open.clear();
        if (*tokens).count == 0 {
            ffi::lua_pushnil(lua);
            return;
        }
        for at in 0..(*tokens).count {
            if (at + 1).is_multiple_of(LOOK) {
                limit::check(lua);
            }
            let token = if at == 0 { (*tokens).first } else { (&(*tokens).rest)[at - 1] };
            match push_token(lua, tokens, token) {
                Some(open) if open.left > 0 => {
                    if ffi::lua_checkstack(lua, 8) == 0 {
                        ffi::luaL_error(lua, c"reply nested too deeply".as_ptr());
                    }
                    (*tokens).open.push(open);
                }
                // An empty aggregate is complete at once.
                Some(open) => {
                    finish(lua, open);
                    settle(lua, tokens);
                }
                None => settle(lua, tokens),
            }
        }
    }
}

/// Pushes an array whose parts are no aggregates: what most longer replies are.
unsafe fn push_flat(lua: *mut ffi::lua_State, tokens: *mut Tokens, len: usize) {
    // SAFETY: (7) as 1; no part is an aggregate, so each leaves one value.
    unsafe {
        ffi::lua_createtable(lua, i32::try_from(len).unwrap_or(i32::MAX), 0);
        for at in 0..(*tokens).rest.len() {
            if (at + 1).is_multiple_of(LOOK) {
                limit::check(lua);
            }
            match (&(*tokens).rest)[at] {
                Token::Bulk(span) => push_bytes(lua, span.of(&(*tokens).bytes)),
                token => drop(push_token(lua, tokens, token)),
            }
            ffi::lua_rawseti_(lua, -2, at as i32 + 1);
        }
    }
}

/// Pushes one value, or the beginning of an aggregate, which is answered then.
#[inline]
unsafe fn push_token(lua: *mut ffi::lua_State, tokens: *mut Tokens, token: Token) -> Option<Open> {
    // SAFETY: (5) as 1.
    unsafe {
        match token {
            Token::Null if (*tokens).protocol == Protocol::Resp3 => {
                ffi::lua_pushnil(lua);
                None
            }
            Token::Null => {
                ffi::lua_pushboolean(lua, 0);
                None
            }
            Token::Integer(number) => {
                ffi::push_integer(lua, number);
                None
            }
            Token::Ok => {
                ffi::lua_createtable(lua, 0, 1);
                ffi::lua_pushvalue(lua, ffi::lua_upvalueindex(NAME_OK));
                ffi::lua_pushvalue(lua, ffi::lua_upvalueindex(TEXT_OK));
                ffi::lua_rawset(lua, -3);
                None
            }
            Token::Kept(place) => {
                ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, (*tokens).recent.reference(place));
                None
            }
            Token::Again(place, span) => {
                push_bytes(lua, span.of(&(*tokens).bytes));
                ffi::lua_pushvalue(lua, -1);
                ffi::lua_rawseti_(lua, ffi::LUA_REGISTRYINDEX, (*tokens).recent.reference(place));
                (*tokens).recent.keep(place);
                None
            }
            Token::Bulk(span) => {
                push_bytes(lua, span.of(&(*tokens).bytes));
                None
            }
            Token::Shared(at) => {
                push_bytes(lua, &(&(*tokens).shared)[at]);
                None
            }
            Token::Status(span) => {
                ffi::lua_createtable(lua, 0, 1);
                push_bytes(lua, span.of(&(*tokens).bytes));
                ffi::lua_setfield(lua, -2, c"ok".as_ptr());
                None
            }
            Token::Error(at) => {
                push_error(lua, (&(*tokens).errors)[at].as_bytes(), true);
                None
            }
            Token::Double(number) => {
                ffi::lua_createtable(lua, 0, 1);
                ffi::lua_pushnumber(lua, number);
                ffi::lua_setfield(lua, -2, c"double".as_ptr());
                None
            }
            Token::Boolean(is) => {
                ffi::lua_pushboolean(lua, is.into());
                None
            }
            Token::BigNumber(span) => {
                ffi::lua_createtable(lua, 0, 1);
                push_bytes(lua, span.of(&(*tokens).bytes));
                ffi::lua_setfield(lua, -2, c"big_number".as_ptr());
                None
            }
            Token::Verbatim(span) => {
                let (format, text) = span.of(&(*tokens).bytes).split_at(3);
                ffi::lua_createtable(lua, 0, 1);
                ffi::lua_createtable(lua, 0, 2);
                push_bytes(lua, format);
                ffi::lua_setfield(lua, -2, c"format".as_ptr());
                push_bytes(lua, text);
                ffi::lua_setfield(lua, -2, c"string".as_ptr());
                ffi::lua_setfield(lua, -2, c"verbatim_string".as_ptr());
                None
            }
            Token::Array(len) => {
                ffi::lua_createtable(lua, i32::try_from(len).unwrap_or(i32::MAX), 0);
                Some(Open { shape: Shape::Array, left: len, next: 1 })
            }
            Token::Map(len) => {
                ffi::lua_createtable(lua, 0, 1);
                ffi::lua_createtable(lua, 0, i32::try_from(len).unwrap_or(i32::MAX));
                Some(Open { shape: Shape::Map, left: len * 2, next: 1 })
            }
            Token::Set(len) => {
                ffi::lua_createtable(lua, 0, 1);
                ffi::lua_createtable(lua, 0, i32::try_from(len).unwrap_or(i32::MAX));
                Some(Open { shape: Shape::Set, left: len, next: 1 })
            }
        }
    }
}

/// Puts the value on top into the aggregate under it, and that one into its own when it is complete.
unsafe fn settle(lua: *mut ffi::lua_State, tokens: *mut Tokens) {
    // SAFETY: (2) reasons L and C; `open` has an entry for each unfinished aggregate on the stack.
    unsafe {
        loop {
            let Some(open) = (*tokens).open.last_mut() else { return };
            open.left -= 1;
            match open.shape {
                Shape::Array => {
                    ffi::lua_rawseti_(lua, -2, open.next);
                    open.next += 1;
                }
                // Parts alternate: a key stays on the stack until its value comes.
                Shape::Map if open.left % 2 == 1 => return,
                Shape::Map => {
                    if ffi::lua_isnil(lua, -2) != 0 {
                        ffi::lua_settop(lua, -3);
                    } else {
                        ffi::lua_rawset(lua, -3);
                    }
                }
                Shape::Set => {
                    if ffi::lua_isnil(lua, -1) != 0 {
                        ffi::lua_settop(lua, -2);
                    } else {
                        ffi::lua_pushboolean(lua, 1);
                        ffi::lua_rawset(lua, -3);
                    }
                }
            }
            if open.left > 0 {
                return;
            }
            let open = *open;
            (*tokens).open.pop();
            finish(lua, open);
        }
    }
}

/// Wraps a complete map or set as `{map=…}` or `{set=…}`.
unsafe fn finish(lua: *mut ffi::lua_State, open: Open) {
    let name = match open.shape {
        Shape::Array => return,
        Shape::Map => c"map",
        Shape::Set => c"set",
    };
    // SAFETY: (3) reason L; the outer table stands under the inner one.
    unsafe { ffi::lua_setfield(lua, -2, name.as_ptr()) };
}

/// Pushes an error as the table that scripts see. `from_command` marks one that the statistics have counted.
pub(super) unsafe fn push_error(lua: *mut ffi::lua_State, line: &[u8], from_command: bool) {
    // SAFETY: (4) reason L.
    unsafe {
        ffi::lua_createtable(lua, 0, 2);
        push_bytes(lua, line);
        ffi::lua_setfield(lua, -2, c"err".as_ptr());
        if from_command {
            ffi::lua_pushboolean(lua, 1);
            ffi::lua_setfield(lua, -2, c"ignore_error_stats_update".as_ptr());
        }
    }
}
