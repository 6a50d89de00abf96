//! [`Bias`]: readers of a lock that none but readers have taken for a while come in without taking it.
//!
//! Readers on several threads take a lock's cache line from each other, and its locked instructions wait until all before
//! them is done. A GET of one hot key took 63 ns on each of two threads with the lock and 24 ns without; on one thread,
//! 23 and 21.
//!
//! A reader who comes in so writes which bias it has passed into a word of its thread's own, its *mark*, and then reads
//! whether the bias is on still. A writer, who has taken the lock, turns the bias off and then reads the marks. One of
//! the two sees the other, if each one's read comes after its write. The reader, who must be quick, leaves that to the
//! writer, who has the system put a barrier into every thread of the process (`membarrier`: half a microsecond in a
//! process of one thread, ten in one of two). Where there is no such barrier, no bias is ever turned on.
//!
//! The idea is Dice and Kogan's ("BRAVO: Biased Locking for Reader-Writer Locks", USENIX ATC 2019).
//!
//! # Invariants
//!
//! 1. A bias is turned on while its lock is taken for reading, and off while it is taken for writing.
//! 2. A writer does not go on before the bias is off and no mark names it.
//! 3. A mark is written by its own thread only, and names one bias at most.
//! 4. While a bias is on, and while a mark names it, its count of reads is not 0.
//!
//! What it is made of comes from the module above, so that a model checker can run this file on its own parts.

use super::sync::{
    AtomicBool, AtomicU32, AtomicUsize, Ordering, READS, has_heavy_barrier, heavy_barrier, light_barrier,
    mark_of, marks, wait,
};

/// Whether readers of a lock may come in without taking it.
pub(super) struct Bias {
    is_on: AtomicBool,
    /// Reads since the last write that [`count_read`](Bias::count_read) was told of, up to [`READS`]; readers who count at
    /// the same time lose some.
    reads: AtomicU32,
}

/// The right to read without the lock until this is dropped, by the thread that came in.
pub(super) struct Visit(&'static AtomicUsize);

impl Bias {
    pub(super) fn new() -> Bias {
        Bias { is_on: AtomicBool::new(false), reads: AtomicU32::new(0) }
    }

    /// What marks name this bias by: not 0.
    #[inline]
    fn name(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Comes in without the lock, if the bias is on, for the thread whose stripe this is. The visit must be over before
    /// the bias is moved or dropped.
    #[inline]
    pub(super) fn visit(&self, stripe: usize) -> Option<Visit> {
        if !self.is_on.load(Ordering::Relaxed) {
            return None;
        }
        // A thread that is visiting already takes the lock.
        let mark = mark_of(stripe).filter(|mark| mark.load(Ordering::Relaxed) == 0)?;
        // Releases what the visit before this one read: its writer may see this name instead of the end of that visit.
        mark.store(self.name(), Ordering::Release);
        light_barrier();
        let visit = Visit(mark);
        // Acquires what writers had changed before the bias was turned on.
        self.is_on.load(Ordering::Acquire).then_some(visit)
    }

    /// Counts a read by a caller who has taken the lock for reading; after many of them the bias is turned on.
    #[inline]
    pub(super) fn count_read(&self) {
        let reads = self.reads.load(Ordering::Relaxed);
        if reads < READS {
            self.reads.store(reads + 1, Ordering::Relaxed);
        } else if !self.is_on.load(Ordering::Relaxed) {
            self.turn_on();
        }
    }

    #[cold]
    fn turn_on(&self) {
        if has_heavy_barrier() {
            self.is_on.store(true, Ordering::Release);
        }
    }

    /// Lets nobody in any more, and waits for those who are in, for a caller who has taken the lock for writing. If
    /// somebody stays longer than so many turns of waiting, the answer is false: then the caller must release the
    /// lock and change nothing.
    #[inline]
    pub(super) fn revoke(&self, turns: u32) -> bool {
        self.reads.load(Ordering::Relaxed) == 0 || self.end_visits(turns)
    }

    #[cold]
    fn end_visits(&self, turns: u32) -> bool {
        if self.is_on.load(Ordering::Relaxed) {
            self.is_on.store(false, Ordering::Relaxed);
            heavy_barrier();
        }
        for mark in marks() {
            let mut turn = 0;
            // Acquires the end of the visit: what it read may be changed now.
            while mark.load(Ordering::Acquire) == self.name() {
                if turn == turns {
                    // Not 0, so that the next writer looks again.
                    self.reads.store(1, Ordering::Relaxed);
                    return false;
                }
                wait(turn);
                turn += 1;
            }
        }
        self.reads.store(0, Ordering::Relaxed);
        true
    }
}

impl Drop for Visit {
    #[inline]
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}
