use super::*;

#[test]
fn a_seed_gives_the_published_sequence_of_splitmix64() {
    let mut rng = Rng::seeded(1_234_567);
    let expected = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ];
    assert_eq!(expected.map(|_| rng.next_u64()), expected);
    assert_eq!(Rng::seeded(0).next_u64(), 0xe220_a839_7b1d_cdaf);
}

#[test]
fn numbers_below_n_are_all_drawn_and_none_else() {
    let mut rng = Rng::seeded(1);
    let mut drawn = [0u32; 6];
    for _ in 0..6_000 {
        drawn[rng.below(6) as usize] += 1;
    }
    // A thousand each is expected, with a standard deviation of 29.
    assert!(drawn.iter().all(|count| (850..1_150).contains(count)), "{drawn:?}");
    assert_eq!(rng.below(1), 0);
    assert!((0..1_000).all(|_| rng.below((1 << 63) + 1) <= 1 << 63));
}

#[test]
fn two_generators_from_entropy_differ() {
    assert_ne!(Rng::from_entropy().next_u64(), Rng::from_entropy().next_u64());
}

/// The texts are Lua's, of 14 digits.
fn check(drand: &mut Drand48, expected: &[f64]) {
    for expected in expected {
        let drawn = drand.unit();
        assert!((drawn - expected).abs() < 5.1e-15 * (10.0 * drawn).max(1.0), "{drawn} {expected}");
    }
}

#[test]
fn an_unseeded_generator_begins_as_a_fresh_server() {
    check(&mut Drand48::new(), &[0.39646477363839, 0.84048536971234, 0.35333609737146]);
}

#[test]
fn seeds_give_the_sequences_that_redis_gave() {
    let sequences: [(i32, &[f64]); 5] = [
        (
            0,
            &[
                0.17082803611217,
                0.74990198051087,
                0.09637165539729,
                0.87046522734243,
                0.57730350670279,
                0.7857992587545,
                0.6921941534114,
                0.36876626981831,
                0.87390407681181,
                0.74509509873814,
            ],
        ),
        (123, &[0.27951200179733, 0.41452908255836]),
        (-1, &[0.30002572727391, 0.045311516171932]),
        (1, &[0.041630344484761]),
        (i32::MIN, &[0.670828036345]),
    ];
    for (seed, expected) in sequences {
        let mut drand = Drand48::new();
        drand.seed(seed);
        check(&mut drand, expected);
    }
}

#[test]
fn numbers_of_31_bits_are_those_of_lrand48() {
    let sequences = [
        (0, [366850414, 1610402240, 206956554, 1869309841]),
        (123_456_789, [112675174, 54641039, 213185015, 936582211]),
        (-1, [644300343, 97305740, 768640432, 869611528]),
    ];
    for (seed, expected) in sequences {
        let mut drand = Drand48::new();
        drand.seed(seed);
        assert_eq!(expected.map(|_| drand.next_i31()), expected);
    }
}
