//! What a [`Bias`](super::bias::Bias) is made of. A model checker runs it on parts of its own.

pub(super) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use std::sync::atomic::compiler_fence;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::keyspace::stripe::STRIPES;

/// How many reads turn a bias on. The barrier that turns it off costs some ten nanoseconds for each of them then.
pub(super) const READS: u32 = 1024;

static MARKS: [CachePadded<AtomicUsize>; STRIPES] =
    [const { CachePadded::new(AtomicUsize::new(0)) }; STRIPES];

/// The mark of the thread that has this stripe.
#[inline]
pub(super) fn mark_of(stripe: usize) -> Option<&'static AtomicUsize> {
    MARKS.get(stripe).map(|mark| &**mark)
}

/// The marks of all threads.
pub(super) fn marks() -> impl Iterator<Item = &'static AtomicUsize> {
    MARKS.iter().map(|mark| &**mark)
}

/// The half of a barrier that [`heavy_barrier`] completes on other threads: the compiler moves no access across it.
#[inline]
pub(super) fn light_barrier() {
    compiler_fence(Ordering::SeqCst);
}

/// Lets a writer's readers finish, who are done within a microsecond unless they were interrupted, or show the value to
/// a caller's function.
pub(super) fn wait(turn: u32) {
    match turn {
        0..100 => std::hint::spin_loop(),
        100..200 => std::thread::yield_now(),
        _ => std::thread::sleep(Duration::from_micros(50)),
    }
}

#[cfg(target_os = "linux")]
mod membarrier {
    use std::sync::atomic::{AtomicU8, Ordering, fence};
    use std::time::Duration;

    use rustix::thread::{MembarrierCommand, membarrier};

    const UNKNOWN: u8 = 0;
    const THERE: u8 = 1;
    const MISSING: u8 = 2;
    static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);

    /// Whether the system has the barrier. The first call says to the system that the process wants to use it, which takes
    /// some ten milliseconds if it has several threads: no store asks before it is read often, since short tests of a
    /// program have a store and a process each.
    pub(crate) fn has_heavy_barrier() -> bool {
        if STATE.load(Ordering::Relaxed) == UNKNOWN {
            let register = membarrier(MembarrierCommand::RegisterPrivateExpedited);
            let is_there = register.and_then(|()| membarrier(MembarrierCommand::PrivateExpedited)).is_ok();
            let state = if is_there { THERE } else { MISSING };
            // Who found it missing meanwhile is right.
            let _ = STATE.compare_exchange(UNKNOWN, state, Ordering::Relaxed, Ordering::Relaxed);
        }
        STATE.load(Ordering::Relaxed) == THERE
    }

    /// A barrier on every thread of the process.
    pub(crate) fn heavy_barrier() {
        fence(Ordering::SeqCst);
        if membarrier(MembarrierCommand::PrivateExpedited).is_err() {
            // It was there before: a sandbox was closed meanwhile, or the system is out of memory. No bias is turned on
            // any more. Those that are on: processors write what they have stored within microseconds.
            STATE.store(MISSING, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(1));
        }
        fence(Ordering::SeqCst);
    }
}
#[cfg(target_os = "linux")]
pub(super) use membarrier::{has_heavy_barrier, heavy_barrier};

#[cfg(not(target_os = "linux"))]
pub(super) fn has_heavy_barrier() -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
pub(super) fn heavy_barrier() {
    std::sync::atomic::fence(Ordering::SeqCst);
}
