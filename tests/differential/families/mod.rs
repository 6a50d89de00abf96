//! The families of commands that the generator draws from, a file each.

mod connection;
mod expiry;
mod hashes;
mod keys;
mod lists;
mod sets;
mod sort;
mod strings;
mod zsets;

use super::step::Step;
use crate::support::Rng;

struct Family {
    make: fn(&mut Rng) -> Step,
    /// How often it comes, in proportion to the others and to scripts.
    weight: usize,
    /// How often it comes in a script.
    in_scripts: usize,
    /// Whether its commands are about keys.
    has_keys: bool,
}

const fn family(make: fn(&mut Rng) -> Step, weight: usize, in_scripts: usize) -> Family {
    Family { make, weight, in_scripts, has_keys: true }
}

const FAMILIES: &[Family] = &[
    family(strings::string, 34, 2),
    family(strings::integer, 8, 1),
    family(strings::float, 5, 1),
    family(hashes::hash, 20, 2),
    family(lists::list, 24, 2),
    family(sets::set, 26, 2),
    family(zsets::zset, 36, 2),
    family(sort::sort, 10, 1),
    family(expiry::expiry, 14, 1),
    family(keys::key, 16, 1),
    Family { has_keys: false, ..family(connection::connection, 6, 1) },
    family(connection::odd, 3, 1),
];

/// How often a script comes.
const SCRIPTS: usize = 14;

/// A command of some family; `None` for a script.
pub(super) fn any(rng: &mut Rng) -> Option<Step> {
    draw(rng, SCRIPTS, |family| family.weight)
}

/// A command for a script, whose reply may yet be one that cannot be compared exactly.
pub(crate) fn for_script(rng: &mut Rng) -> Step {
    draw(rng, 0, |family| family.in_scripts).expect("some family comes in scripts")
}

/// A command whose arguments may be asked for their keys.
fn with_keys(rng: &mut Rng) -> Step {
    draw(rng, 0, |family| if family.has_keys { family.in_scripts } else { 0 }).expect("some family has keys")
}

fn draw(rng: &mut Rng, others: usize, weight: fn(&Family) -> usize) -> Option<Step> {
    let total: usize = FAMILIES.iter().map(weight).sum();
    let mut drawn = rng.below(total + others);
    for family in FAMILIES {
        if drawn < weight(family) {
            return Some((family.make)(rng));
        }
        drawn -= weight(family);
    }
    None
}
