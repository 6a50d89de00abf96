//! Blocks against vectors, alone, shared, and over threads.

use proptest::prelude::*;

use super::*;

/// The invariants that can be seen from outside.
fn check(block: &Block, bytes: &[u8]) {
    assert_eq!(&block[..], bytes);
    assert!(block.len() <= capacity(block.class()));
    assert_eq!(block.memory(), size(block.class()));
}

#[test]
fn every_length_has_the_least_class_that_holds_it() {
    for len in
        (0..5_000).chain((1..24).flat_map(|bits| [(1 << bits) - 19, (1 << bits) - 18, (1 << bits) - 17]))
    {
        let len = len.max(0) as usize;
        let class = class_of(len);
        assert!(capacity(class) >= len, "{len} bytes in class {class}");
        assert!(class == 0 || capacity(class - 1) < len, "{len} bytes in class {class}");
        assert_eq!(size(class) % 16, 8);
        assert!(len < 128 || size(class) <= (len + HEAD) * 9 / 8 + 16, "{len} bytes in {}", size(class));
    }
    assert_eq!(size(class_of(0)), 24);
    assert!(capacity(class_of(u32::MAX as usize)) >= u32::MAX as usize);
}

#[test]
fn a_clone_shares_until_one_is_written_to() {
    let mut one = Block::from(&b"some bytes"[..]);
    one.set_spare(7);
    let two = one.clone();
    assert_eq!(one.as_ptr(), two.as_ptr());
    assert_eq!(one.references().load(Ordering::Relaxed), 2);
    one.make_mut()[0] = b'c';
    assert_ne!(one.as_ptr(), two.as_ptr());
    assert_eq!((&one[..], &two[..]), (&b"come bytes"[..], &b"some bytes"[..]));
    assert_eq!((one.spare(), two.spare()), (7, 7));
    assert_eq!(one.references().load(Ordering::Relaxed), 1);
    assert_eq!(two.references().load(Ordering::Relaxed), 1);
    let three = two.clone();
    drop(two);
    assert!(three.is_unique(), "the last one is alone again");
    let at = three.as_ptr();
    let mut three = three;
    three.splice(0, 0, 1)[0] = b'!';
    assert_eq!(three.as_ptr(), at, "one's own bytes are changed where they are");
}

#[test]
fn the_spare_byte_of_a_shared_block_is_the_writers_own() {
    let one = Block::new();
    let mut two = one.clone();
    two.set_spare(4);
    assert_eq!((one.spare(), two.spare()), (0, 4));
}

#[test]
fn a_count_that_is_full_makes_a_clone_a_copy() {
    let one = Block::from(&b"bytes"[..]);
    one.references().store(MOST_REFERENCES, Ordering::Relaxed);
    let two = one.clone();
    assert_ne!(one.as_ptr(), two.as_ptr());
    assert_eq!(&two[..], b"bytes");
    assert_eq!(one.references().load(Ordering::Relaxed), MOST_REFERENCES);
    one.references().store(1, Ordering::Relaxed);
}

#[test]
fn appending_and_cutting_byte_by_byte_reallocates_seldom() {
    let mut block = Block::new();
    let mut moves = 0;
    let mut class = block.class();
    for byte in 0..100_000_u32 {
        let end = block.len();
        block.splice(end, 0, 1)[0] = byte as u8;
        moves += usize::from(block.class() != class);
        class = block.class();
    }
    while let Some(last) = block.len().checked_sub(1) {
        assert_eq!(block[last], last as u8);
        block.splice(last, 1, 0);
        moves += usize::from(block.class() != class);
        class = block.class();
    }
    assert!(moves < 60, "{moves} reallocations");
    assert_eq!(block.memory(), 24);
}

#[test]
fn threads_share_one_block_and_each_writes_to_its_own() {
    let block = Block::from(&[1; 100][..]);
    std::thread::scope(|scope| {
        for number in 2..6_u8 {
            let mut own = block.clone();
            scope.spawn(move || {
                for _ in 0..300 {
                    let other = own.clone();
                    own.make_mut().fill(number);
                    assert!(other.iter().all(|byte| *byte == 1 || *byte == number));
                    assert!(own.iter().all(|byte| *byte == number));
                    if number % 2 == 0 {
                        own = other;
                    }
                }
            });
        }
    });
    assert!(block.is_unique());
    check(&block, &[1; 100]);
}

#[derive(Clone, Debug)]
enum Step {
    /// Where, how much goes and how much comes, the first two modulo what there is.
    Splice(usize, usize, usize),
    Share,
    /// Goes on with the oldest clone.
    Return,
    Trim,
    Fill(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let few = prop_oneof![4 => 0_usize..20, 2 => 0_usize..200, 1 => 0_usize..3_000];
    prop_oneof![
        8 => (any::<usize>(), few.clone(), few).prop_map(|(at, remove, insert)| Step::Splice(at, remove, insert)),
        1 => Just(Step::Share),
        1 => Just(Step::Return),
        1 => Just(Step::Trim),
        1 => any::<u8>().prop_map(Step::Fill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_what_a_vector_holds(steps in prop::collection::vec(step(), 1..60)) {
        let mut block = Block::new();
        let mut model = Vec::new();
        let mut clones: Vec<(Block, Vec<u8>)> = Vec::new();
        let mut next = 0_u8;
        for step in steps {
            match step {
                Step::Splice(at, remove, insert) => {
                    let at = at % (model.len() + 1);
                    let remove = remove.min(model.len() - at);
                    let bytes: Vec<u8> = (0..insert).map(|_| { next = next.wrapping_add(1); next }).collect();
                    block.splice(at, remove, insert).copy_from_slice(&bytes);
                    model.splice(at..at + remove, bytes);
                }
                Step::Share => clones.push((block.clone(), model.clone())),
                Step::Return if !clones.is_empty() => (block, model) = clones.remove(0),
                Step::Return => {}
                Step::Trim => block.trim(),
                Step::Fill(byte) => {
                    block.make_mut().fill(byte);
                    model.fill(byte);
                }
            }
            check(&block, &model);
            for (clone, model) in &clones {
                check(clone, model);
            }
        }
    }
}
