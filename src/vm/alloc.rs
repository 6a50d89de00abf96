//! Lua's allocator: free lists for small blocks over the C library's allocator, with a limit, and with failures on
//! demand for tests.
//!
//! Scripts make and drop many small blocks (the table of a status reply takes two), and Lua tells the size of a
//! block when it gives it back: a list of free blocks for each size needs no header and no search. A script loop of
//! `redis.call('SET', …)` takes some 30 nanoseconds less with it than over `malloc` alone.
//!
//! # Invariants
//!
//! 1. A block of up to [`SMALL`] bytes comes from a slab and has the size of its class, a multiple of 16; a larger
//!    one comes from `malloc`. Its size alone says which, so it is known again when it comes back.
//! 2. A free block's first 8 bytes are the pointer to the next free block of its class.
//! 3. Slabs are freed with the `Memory`, after the state that uses it.
//! 4. Where a state cannot be closed after an allocation was refused ([`ffi::LEAKS_WHEN_REFUSED`]), a larger block is in
//!    a list, by a header in front of it, and is freed with the `Memory` at the latest.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ffi::c_void;
use std::ptr::{NonNull, null_mut};

use super::core::{Core, Place};
use super::{ffi, limit};

/// The largest small block, in bytes. Built with `--cfg plain_malloc` there are none, so that tools which watch `malloc`
/// see every block.
const SMALL: usize = if cfg!(plain_malloc) { 0 } else { 256 };
const CLASSES: usize = SMALL / 16;
/// Blocks are cut from slabs of this size.
const SLAB: Layout = match Layout::from_size_align(16 * 1024, 16) {
    Ok(layout) => layout,
    Err(_) => panic!("16 is a power of two"),
};

/// From this size on, filling a block takes longer than a look at the limits by far.
const LARGE: usize = 64 * 1024;

/// From this size on, filling a block alone may take a script past its time limit by much.
const HUGE: usize = 16 * 1024 * 1024;

/// What the allocator keeps.
pub(super) struct Memory {
    /// Bytes that Lua holds, as it counts them.
    pub(super) used: usize,
    pub(super) limit: usize,
    /// Set where Lua runs without a protected call and a failure would end the process: no allocation is refused, and
    /// where the machine has no memory left the process ends as it does for every allocation of Rust's.
    pub(super) never_fails: bool,
    /// The allocation after this many more fails, once: tests drive every path into it.
    pub(super) fail_after: Option<u64>,
    /// An allocation that fails once more: Lua may try again after a collection.
    again: Option<usize>,
    /// The stack of the main thread; null as long as it is not known.
    stack: *mut c_void,
    /// Whether the next block that grows is that stack.
    finds_stack: bool,
    /// Whether an allocation was ever refused.
    pub(super) was_refused: bool,
    /// Where the running script stood when an allocation was refused the last time.
    pub(super) refused_at: Option<Place>,
    /// Bytes in large blocks since the limits were looked at.
    large: usize,
    free: [*mut u8; CLASSES],
    slabs: Vec<NonNull<u8>>,
    /// The first of the larger blocks, if they are in a list.
    listed: *mut Header,
}

/// What stands in front of a larger block that is in a list.
#[repr(C, align(16))]
struct Header {
    before: *mut Header,
    after: *mut Header,
}

impl Memory {
    pub(super) fn new() -> Memory {
        Memory {
            used: 0,
            limit: usize::MAX,
            never_fails: false,
            fail_after: None,
            again: None,
            stack: null_mut(),
            finds_stack: false,
            was_refused: false,
            refused_at: None,
            large: 0,
            free: [null_mut(); CLASSES],
            slabs: Vec::new(),
            listed: null_mut(),
        }
    }

    /// A block has moved.
    #[inline]
    fn follow_stack(&mut self, from: *mut c_void, to: *mut c_void) {
        if !from.is_null() && (self.finds_stack || from == self.stack) {
            self.finds_stack = false;
            self.stack = to;
        }
    }

    /// The next block that grows is the stack of the main thread.
    pub(super) fn find_stack(&mut self) {
        self.finds_stack = true;
    }

    /// Whether so many bytes more are too many.
    #[inline]
    pub(super) fn refuses(&mut self, more: usize) -> bool {
        if self.never_fails {
            return false;
        }
        if ffi::ALLOCATES_AS_5_4 && self.again.take() == Some(more) {
            return true;
        }
        if let Some(left) = &mut self.fail_after {
            if *left == 0 {
                self.fail_after = None;
                self.again = if ffi::ALLOCATES_AS_5_4 { Some(more) } else { None };
                return true;
            }
            *left -= 1;
        }
        self.used.saturating_add(more) > self.limit
    }

    /// Lets the allocation after this many more fail, once.
    #[cfg(test)]
    pub(super) fn fail_after(&mut self, count: Option<u64>) {
        self.fail_after = count;
        self.again = None;
    }

    /// Bytes of all slabs, whether their blocks are used or not.
    pub(super) fn slab_bytes(&self) -> usize {
        self.slabs.len() * SLAB.size()
    }

    /// A block of at least `size` bytes, which is not 0; null if there is no memory.
    #[inline]
    unsafe fn take(&mut self, size: usize) -> *mut u8 {
        // SAFETY: (1) `malloc` takes any size; a block in a free list is free and at least 16 bytes (invariant 2).
        unsafe {
            if size > SMALL {
                return self.take_large(size);
            }
            let class = (size - 1) / 16;
            let block = self.free[class];
            if block.is_null() {
                return self.cut_slab(class);
            }
            self.free[class] = block.cast::<*mut u8>().read();
            block
        }
    }

    #[inline]
    unsafe fn give_back(&mut self, block: *mut u8, size: usize) {
        // SAFETY: (2) invariant 1: the block came from `take` with this size.
        unsafe {
            if size > SMALL {
                return self.free_large(block);
            }
            let class = (size - 1) / 16;
            block.cast::<*mut u8>().write(self.free[class]);
            self.free[class] = block;
        }
    }

    #[inline]
    unsafe fn take_large(&mut self, size: usize) -> *mut u8 {
        // SAFETY: (7) `malloc` takes any size.
        unsafe {
            if !ffi::LEAKS_WHEN_REFUSED {
                return malloc(size).cast();
            }
            let Some(all) = size.checked_add(size_of::<Header>()) else { return null_mut() };
            let header = malloc(all).cast::<Header>();
            if header.is_null() {
                return null_mut();
            }
            header.write(Header { before: null_mut(), after: self.listed });
            self.link(header);
            header.add(1).cast()
        }
    }

    #[inline]
    unsafe fn free_large(&mut self, block: *mut u8) {
        // SAFETY: (8) as 2; a block in a list has its header in front of it.
        unsafe {
            if !ffi::LEAKS_WHEN_REFUSED {
                return free(block.cast());
            }
            let header = block.cast::<Header>().sub(1);
            let Header { before, after } = header.read();
            if before.is_null() {
                self.listed = after
            } else {
                (*before).after = after
            }
            if !after.is_null() {
                (*after).before = before;
            }
            free(header.cast());
        }
    }

    #[inline]
    unsafe fn grow_large(&mut self, block: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: (9) as 8.
        unsafe {
            if !ffi::LEAKS_WHEN_REFUSED {
                return realloc(block.cast(), size).cast();
            }
            let Some(all) = size.checked_add(size_of::<Header>()) else { return null_mut() };
            let header = realloc(block.cast::<Header>().sub(1).cast(), all).cast::<Header>();
            if header.is_null() {
                return null_mut();
            }
            self.link(header);
            header.add(1).cast()
        }
    }

    /// Lets the neighbours of a header in the list point to it.
    unsafe fn link(&mut self, header: *mut Header) {
        // SAFETY: (10) the header tells its neighbours, which are in the list.
        unsafe {
            let Header { before, after } = header.read();
            if before.is_null() {
                self.listed = header
            } else {
                (*before).after = header
            }
            if !after.is_null() {
                (*after).before = header;
            }
        }
    }

    /// Cuts a new slab into blocks of a class and takes the first.
    #[cold]
    unsafe fn cut_slab(&mut self, class: usize) -> *mut u8 {
        // SAFETY: (3) the layout's size is not 0; blocks are cut within the slab, 16 bytes aligned as it is.
        unsafe {
            // Slabs stay with their class, so that they could come to more than Lua ever used at one time.
            if self.slab_bytes().saturating_add(SLAB.size()) > self.limit.saturating_mul(2)
                && !self.never_fails
            {
                return null_mut();
            }
            let Some(slab) = NonNull::new(alloc(SLAB)) else { return null_mut() };
            self.slabs.push(slab);
            let size = (class + 1) * 16;
            for at in (size..SLAB.size() - size + 1).step_by(size) {
                self.give_back(slab.as_ptr().add(at), size);
            }
            slab.as_ptr()
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        for slab in self.slabs.drain(..) {
            // SAFETY: (4) invariant 3; each slab was allocated with this layout.
            unsafe { dealloc(slab.as_ptr(), SLAB) };
        }
        while !self.listed.is_null() {
            // SAFETY: (11) invariant 4: the state does not use its blocks any more.
            unsafe { self.free_large(self.listed.add(1).cast()) };
        }
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
    // SAFETY: (5) Lua passes the user data that the state was made with (reason C), and blocks that came from here with
    // their sizes. The reference to `memory` is the only one to that field: no Lua function runs while it lives.
    unsafe {
        let memory = &mut (*core).memory;
        let old = if ffi::ALLOCATES_AS_5_4 && block.is_null() { 0 } else { old };
        if new == 0 {
            if !block.is_null() && old > 0 {
                memory.used -= old;
                memory.give_back(block.cast(), old);
            }
            return null_mut();
        }
        if new >= HUGE && new > old && !memory.never_fails && limit::ends_within(core, new) {
            memory.was_refused = true;
            limit::arm((*core).running);
            return null_mut();
        }
        if new > old && memory.refuses(new - old) {
            memory.was_refused = true;
            if ffi::ALLOCATES_AS_5_4 {
                refuse(core, block);
                return null_mut();
            }
            let place = Place::current((*core).main, 0);
            (*core).memory.refused_at = place;
            return null_mut();
        }
        let moved = if block.is_null() || old == 0 {
            memory.take(new)
        } else if old > SMALL && new > SMALL {
            memory.grow_large(block.cast(), new)
        } else if old <= SMALL && new <= SMALL && (old - 1) / 16 == (new - 1) / 16 {
            block.cast()
        } else {
            let moved = memory.take(new);
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block.cast(), old.min(new));
                memory.give_back(block.cast(), old);
            }
            moved
        };
        if moved.is_null() {
            if memory.never_fails {
                handle_alloc_error(Layout::array::<u8>(new).unwrap_or(SLAB));
            }
            memory.was_refused = true;
        } else {
            memory.used = memory.used - old + new;
            if ffi::ALLOCATES_AS_5_4 {
                memory.follow_stack(block, moved.cast());
            }
        }
        if new >= LARGE {
            large(core, new);
        }
        moved.cast()
    }
}

/// What Lua 5.4 is refused, it asks for again after a full collection. So the limits are looked at: a script that
/// stays just below the limit on memory collects at every step.
#[cold]
unsafe fn refuse(core: *mut Core, block: *mut c_void) {
    // SAFETY: (12) as 6. While the stack of the main thread moves, its frames hold distances in the place of pointers,
    // and nothing may look at them.
    unsafe {
        let memory = &raw mut (*core).memory;
        let moves = (*memory).stack.is_null() || block == (*memory).stack;
        (*memory).refused_at = if moves { None } else { Place::current((*core).main, 0) };
        if (*core).host.is_some() && !(*core).running.is_null() {
            limit::arm((*core).running);
        }
    }
}

/// A large block is filled by an instruction, or by a function of a library, that takes long: after some of them the
/// limits are looked at, however few instructions have passed.
#[cold]
unsafe fn large(core: *mut Core, size: usize) {
    // SAFETY: (6) reason C; setting a hook allocates nothing, and Lua allows it at any time.
    unsafe {
        (*core).memory.large += size;
        if (*core).memory.large >= 16 * LARGE && !(*core).running.is_null() {
            (*core).memory.large = 0;
            limit::arm((*core).running);
        }
    }
}

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn realloc(block: *mut c_void, size: usize) -> *mut c_void;
    fn free(block: *mut c_void);
}
