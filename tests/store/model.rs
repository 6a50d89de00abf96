//! The reads without a lock under a model checker, which tries every order in which threads can run and every value that
//! their reads may see: the crate's own `Bias`, on loom's atomics.

use loom::cell::UnsafeCell;
use loom::sync::{Arc, RwLock};
use loom::thread::{self, JoinHandle};

use bias::Bias;

/// What the crate takes from the standard library and from the system.
mod sync {
    use loom::sync::atomic::fence;
    use loom::thread;

    pub(super) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

    pub(super) const READS: u32 = 1;
    const STRIPES: usize = 3;

    loom::lazy_static! {
        static ref MARKS: Vec<AtomicUsize> = (0..STRIPES).map(|_| AtomicUsize::new(0)).collect();
    }

    pub(super) fn mark_of(stripe: usize) -> Option<&'static AtomicUsize> {
        MARKS.get(stripe)
    }

    pub(super) fn marks() -> impl Iterator<Item = &'static AtomicUsize> {
        MARKS.iter()
    }

    /// A barrier that the system puts into another thread at any place is at least as strong as one that stands where
    /// it is needed.
    pub(super) fn light_barrier() {
        fence(Ordering::SeqCst);
    }

    pub(super) fn heavy_barrier() {
        fence(Ordering::SeqCst);
    }

    pub(super) fn has_heavy_barrier() -> bool {
        true
    }

    pub(super) fn wait(_: u32) {
        thread::yield_now();
    }
}

#[path = "../../src/store/cell/bias.rs"]
mod bias;

/// What a cell of the store is: the value may be changed by whoever has locked it alone, and loom fails if anybody
/// reads it meanwhile.
struct Cell {
    lock: RwLock<()>,
    bias: Bias,
    value: UnsafeCell<u32>,
}

// SAFETY: loom watches over the accesses to the value, which is what the tests are about.
#[allow(unsafe_code, reason = "see above")]
unsafe impl Sync for Cell {}

impl Cell {
    fn new() -> Cell {
        Cell { lock: RwLock::new(()), bias: Bias::new(), value: UnsafeCell::new(0) }
    }

    #[allow(unsafe_code, reason = "loom watches over it")]
    fn see(&self) -> u32 {
        // SAFETY: loom fails if it is not so.
        self.value.with(|value| unsafe { *value })
    }

    /// The value, and whether it was read without the lock.
    fn read(&self, stripe: usize) -> (u32, bool) {
        if let Some(_visit) = self.bias.visit(stripe) {
            return (self.see(), true);
        }
        let _lock = self.lock.read().unwrap();
        self.bias.count_read();
        (self.see(), false)
    }

    #[allow(unsafe_code, reason = "loom watches over it")]
    fn try_write(&self, turns: u32) -> bool {
        let _lock = self.lock.write().unwrap();
        let is_alone = self.bias.revoke(turns);
        if is_alone {
            // SAFETY: loom fails if it is not so.
            self.value.with_mut(|value| unsafe { *value += 1 });
        }
        is_alone
    }

    fn write(&self) {
        while !self.try_write(u32::MAX) {}
    }

    /// Reads until the bias is on.
    fn biased() -> Arc<Cell> {
        let cell = Arc::new(Cell::new());
        assert_eq!([(); 3].map(|()| cell.read(0).1), [false, false, true]);
        cell
    }
}

/// What another thread does with a cell.
fn beside<R: 'static>(cell: &Arc<Cell>, work: impl FnOnce(&Cell) -> R + 'static) -> JoinHandle<R> {
    let cell = Arc::clone(cell);
    thread::spawn(move || work(&cell))
}

fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

#[test]
fn a_writer_waits_for_readers_without_the_lock_and_they_see_what_was_written() {
    explore(|| {
        let cell = Cell::biased();
        let readers = [1, 2].map(|stripe| beside(&cell, move |cell| cell.read(stripe).0));
        cell.write();
        assert_eq!(cell.read(0).0, 1);
        for reader in readers {
            assert!(reader.join().unwrap() <= 1);
        }
    });
}

#[test]
fn a_bias_that_is_turned_on_again_shows_what_was_written_meanwhile() {
    explore(|| {
        let cell = Cell::biased();
        let reader = beside(&cell, |cell| [(); 3].map(|()| cell.read(1).0));
        cell.write();
        assert!(reader.join().unwrap().is_sorted());
        cell.write();
        assert_eq!(cell.read(0).0, 2);
    });
}

#[test]
fn two_writers_and_a_reader_get_past_each_other() {
    explore(|| {
        let cell = Cell::biased();
        let writer = beside(&cell, Cell::write);
        let reader = beside(&cell, |cell| cell.read(1).0);
        cell.write();
        writer.join().unwrap();
        assert!(reader.join().unwrap() <= 2);
        assert_eq!(cell.read(0).0, 2);
    });
}

#[test]
fn a_writer_who_gives_up_leaves_the_value_alone_and_the_next_one_waits() {
    explore(|| {
        let cell = Cell::biased();
        let reader = beside(&cell, |cell| cell.read(1).0);
        let first = u32::from(cell.try_write(0));
        cell.write();
        assert!([0, first, first + 1].contains(&reader.join().unwrap()));
        assert_eq!(cell.read(0).0, first + 1);
    });
}

#[test]
fn a_bias_that_is_turned_on_between_two_tries_of_a_writer_lets_nobody_in_beside_him() {
    explore(|| {
        let cell = Cell::biased();
        let reader = beside(&cell, |cell| [(); 3].map(|()| cell.read(1).0));
        let first = u32::from(cell.try_write(0));
        cell.read(0);
        cell.read(0);
        cell.write();
        assert!(reader.join().unwrap().is_sorted());
        assert_eq!(cell.read(0).0, first + 1);
    });
}

#[test]
fn a_reader_who_has_gone_on_to_another_cell_has_left_the_first() {
    explore(|| {
        let cells = [Cell::biased(), Cell::biased()];
        let reader = {
            let cells = cells.clone();
            thread::spawn(move || cells.map(|cell| cell.read(1).0))
        };
        cells[0].write();
        let [first, second] = reader.join().unwrap();
        assert!(first <= 1 && second == 0);
    });
}
