//! Lua's allocator: the C library's, with a limit, and with failures on demand for tests.

use std::ffi::c_void;

use super::core::{Core, Place};

/// What the allocator keeps.
pub(crate) struct Memory {
    pub(crate) used: usize,
    pub(crate) limit: usize,
    /// The allocation after this many more fails, once: tests drive every path into it.
    pub(crate) fail_after: Option<u64>,
    /// Where the running script stood when an allocation was refused.
    pub(crate) refused_at: Option<Place>,
}

impl Memory {
    fn refuses(&mut self, more: usize) -> bool {
        if let Some(left) = &mut self.fail_after {
            if *left == 0 {
                self.fail_after = None;
                return true;
            }
            *left -= 1;
        }
        self.used.saturating_add(more) > self.limit
    }
}

/// A `lua_Alloc`. `user` is the `Core`; a size of 0 frees.
pub(super) unsafe extern "C" fn allocate(
    user: *mut c_void,
    block: *mut c_void,
    old: usize,
    new: usize,
) -> *mut c_void {
    let core = user.cast::<Core>();
    // SAFETY 1: Lua passes the user data that the state was made with (reason C) and blocks that came from here
    // with their sizes; `realloc` and `free` are what such blocks are for.
    unsafe {
        let memory = &mut (*core).memory;
        if new == 0 {
            memory.used -= old;
            libc_free(block);
            return std::ptr::null_mut();
        }
        if new > old && memory.refuses(new - old) {
            if memory.refused_at.is_none() {
                let place = Place::current((*core).main, 0);
                (*core).memory.refused_at = place;
            }
            return std::ptr::null_mut();
        }
        let moved = libc_realloc(block, new);
        if !moved.is_null() {
            let memory = &mut (*core).memory;
            memory.used = memory.used - old + new;
        }
        moved
    }
}

unsafe extern "C" {
    #[link_name = "realloc"]
    fn libc_realloc(block: *mut c_void, size: usize) -> *mut c_void;
    #[link_name = "free"]
    fn libc_free(block: *mut c_void);
}
