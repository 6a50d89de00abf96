//! Which stripe a thread has to itself, from its first count to its end: a place that it writes to without a locked
//! instruction, and without taking a cache line from other threads. No two threads have the same one at the same time,
//! which a lock relies on, too (`store/cell/bias.rs`).

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many threads have one at the same time; others go without.
pub(crate) const STRIPES: usize = 64;

/// A bit for each stripe that some thread has. Giving back releases and taking acquires, so that the next owner
/// goes on from what the last one counted.
static TAKEN: AtomicU64 = AtomicU64::new(0);
const _: () = assert!(STRIPES == u64::BITS as usize);

const UNKNOWN: usize = usize::MAX;
const NONE: usize = usize::MAX - 1;

thread_local! {
    static OWN: Cell<usize> = const { Cell::new(UNKNOWN) };
    static GIVE_BACK: GiveBack = const { GiveBack };
}

struct GiveBack;

impl Drop for GiveBack {
    fn drop(&mut self) {
        let own = OWN.replace(NONE);
        if own < STRIPES {
            TAKEN.fetch_and(!(1 << own), Ordering::Release);
        }
    }
}

/// This thread's, below [`STRIPES`]; above, if there are too many threads or this one is ending.
#[inline]
pub(crate) fn own() -> usize {
    match OWN.get() {
        UNKNOWN => take(),
        own => own,
    }
}

#[cold]
fn take() -> usize {
    OWN.set(NONE);
    // Registers the drop; a thread that is ending takes none.
    if GIVE_BACK.try_with(|_| ()).is_ok() {
        let before = TAKEN.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |taken| {
            (taken != u64::MAX).then(|| taken | 1 << taken.trailing_ones())
        });
        if let Ok(before) = before {
            OWN.set(before.trailing_ones() as usize);
        }
    }
    OWN.get()
}
