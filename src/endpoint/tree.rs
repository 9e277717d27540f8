//! The tree of all tables' paths, laid out in few pieces: there are thousands, and an idle gate holds them all.
//!
//! It is made once. While it is, what belongs together is linked by number; then it is laid out in the order in
//! which it is searched, and what is behind a place stands side by side.

use std::hash::BuildHasher as _;

use super::paths::Root;
use super::{Endpoint, ModelIn, all};
use crate::dialect::Surface;

/// A place in the tree.
#[derive(Debug)]
pub(super) struct Branch {
    /// The segment that leads here; of a parameter, what stands behind it in its segment.
    pub(super) spelled: &'static str,
    /// Where the places behind it begin: first those that are spelled out, sorted, then parameters, the longest
    /// first.
    first: u16,
    literals: u16,
    parameters: u16,
    /// The rows whose path ends here.
    end: u16,
    ends: u16,
}

/// A row at the end of its path.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) endpoint: &'static Endpoint,
    /// The surface's root.
    pub(super) root: &'static Root,
    /// How many segments the root has.
    pub(super) root_segments: u8,
    /// How long the root is, if it has no parameter.
    pub(super) plain_root: Option<u8>,
    /// The segment that holds the model, and what stands behind it there.
    pub(super) model: Option<(u8, &'static str)>,
}

/// The tree.
#[derive(Debug)]
pub(super) struct Tree {
    branches: Box<[Branch]>,
    ends: Box<[End]>,
    /// The places of the paths that have no parameter, by their digest: nearly all requests have one of these.
    /// Zero is nobody's; half of them are.
    plain: Box<[u16]>,
    digest: foldhash::fast::RandomState,
}

impl Tree {
    /// The tree of all rows that are found by their path.
    pub(super) fn new() -> Self {
        let mut growing = Growing { seeds: vec![Seed::default()], ends: Vec::new() };
        for endpoint in all().iter().filter(|endpoint| endpoint.surface != Surface::Passthrough) {
            if endpoint.at_root {
                growing.insert(endpoint, &Root::NONE);
                continue;
            }
            for root in endpoint.surface.roots() {
                if root.has(endpoint) {
                    growing.insert(endpoint, root);
                }
            }
        }
        growing.laid_out()
    }

    /// Where every path begins.
    pub(super) fn trunk(&self) -> Option<&Branch> {
        self.branches.first()
    }

    /// The place behind a segment that is spelled out.
    pub(super) fn literal(&self, at: &Branch, segment: &str) -> Option<&Branch> {
        let literals = self.branches.get(range(at.first, at.literals))?;
        let found = literals.binary_search_by(|next| next.spelled.cmp(segment)).ok()?;
        literals.get(found)
    }

    /// The places behind a parameter.
    pub(super) fn parameters(&self, at: &Branch) -> &[Branch] {
        self.branches.get(range(at.first.saturating_add(at.literals), at.parameters)).unwrap_or_default()
    }

    /// The rows that end at a place.
    pub(super) fn ends(&self, at: &Branch) -> &[End] {
        self.ends.get(range(at.end, at.ends)).unwrap_or_default()
    }

    /// The rows with this path, if it has no parameter.
    pub(super) fn plain(&self, path: &str) -> Option<&[End]> {
        for slot in self.slots(path) {
            let at = self.branches.get(usize::from(slot)).filter(|_| slot != 0)?;
            let ends = self.ends(at);
            if ends.first()?.is(path) {
                return Some(ends);
            }
        }
        None
    }

    /// What stands in the slots of a path, from the first on.
    fn slots(&self, path: &str) -> impl Iterator<Item = u16> + '_ {
        let (before, from) = self.plain.split_at(self.slot(path));
        from.iter().chain(before).copied()
    }

    fn slot(&self, path: &str) -> usize {
        let last = self.plain.len().saturating_sub(1);
        usize::try_from(self.digest.hash_one(path) & last as u64).unwrap_or_default()
    }

    /// Notes the places of all paths that have no parameter.
    fn note_plain(&mut self) {
        let plain = |at: &&Branch| self.ends(at).first().is_some_and(End::is_plain);
        self.plain = vec![0; (self.branches.iter().filter(plain).count() * 2).next_power_of_two()].into();
        for number in 0..self.branches.len() {
            let Some(first) = self.branches.get(number).and_then(|at| self.ends(at).first()) else {
                continue;
            };
            if !first.is_plain() {
                continue;
            }
            let slot = self.slot(&format!("{}{}", first.root.spelled, first.endpoint.path));
            let (before, from) = self.plain.split_at_mut(slot);
            if let Some(free) = from.iter_mut().chain(before).find(|slot| **slot == 0) {
                *free = small(number);
            }
        }
    }
}

impl End {
    /// Whether the path has no parameter, nor has the root. Then neither has any other row that ends there.
    fn is_plain(&self) -> bool {
        self.plain_root.is_some() && !self.endpoint.has_parameters()
    }

    /// Whether its last parameter stands for more than one segment.
    pub(super) fn takes_more(&self) -> bool {
        self.endpoint.path.ends_with("/{path}")
    }

    /// Whether it is the end of this path, as it is spelled.
    fn is(&self, path: &str) -> bool {
        path.strip_prefix(self.root.spelled) == Some(self.endpoint.path)
    }
}

/// A tree while it is made. Zero links to nothing: it is the trunk.
#[derive(Debug)]
struct Growing {
    seeds: Vec<Seed>,
    /// Each with the one before it at its place, counted from one.
    ends: Vec<(End, u16)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seed {
    spelled: &'static str,
    parameter: bool,
    child: u16,
    sibling: u16,
    last_end: u16,
}

impl Growing {
    fn insert(&mut self, endpoint: &'static Endpoint, root: &'static Root) {
        let mut at = 0;
        let mut model = None;
        let segments = root.spelled.split('/').skip(1).chain(endpoint.path.split('/').skip(1));
        for (number, segment) in segments.enumerate() {
            let behind =
                segment.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(_, behind)| behind);
            if segment.starts_with("{model}") && endpoint.model == ModelIn::Path {
                model = behind.map(|behind| (tiny(number), behind));
            }
            at = self.child(at, behind.unwrap_or(segment), behind.is_some());
        }
        let root_segments = tiny(root.spelled.matches('/').count());
        let plain_root = (!root.spelled.contains('{')).then(|| tiny(root.spelled.len()));
        let number = small(self.ends.len() + 1);
        if let Some(seed) = self.seeds.get_mut(at) {
            let before = std::mem::replace(&mut seed.last_end, number);
            self.ends.push((End { endpoint, root, root_segments, plain_root, model }, before));
        }
    }

    /// The place behind a segment, which is made if there is none.
    fn child(&mut self, at: usize, spelled: &'static str, parameter: bool) -> usize {
        let same = |child: &(usize, Seed)| child.1.parameter == parameter && child.1.spelled == spelled;
        if let Some((known, _)) = self.children(at).find(same) {
            return known;
        }
        let next = self.seeds.len();
        let Some(parent) = self.seeds.get_mut(at) else { return at };
        let sibling = std::mem::replace(&mut parent.child, small(next));
        self.seeds.push(Seed { spelled, parameter, sibling, ..Seed::default() });
        next
    }

    fn children(&self, at: usize) -> impl Iterator<Item = (usize, Seed)> + '_ {
        let mut next = self.seeds.get(at).map_or(0, |seed| seed.child);
        std::iter::from_fn(move || {
            let at = usize::from(next);
            let seed = *self.seeds.get(at).filter(|_| at != 0)?;
            next = seed.sibling;
            Some((at, seed))
        })
    }

    fn laid_out(self) -> Tree {
        let mut order = vec![0];
        let mut branches: Vec<Branch> = Vec::with_capacity(self.seeds.len());
        let mut ends = Vec::with_capacity(self.ends.len());
        while let Some(seed) = order.get(branches.len()).and_then(|at: &usize| self.seeds.get(*at)) {
            let (first, end) = (order.len(), ends.len());
            let mut behind =
                self.children(order.get(branches.len()).copied().unwrap_or_default()).collect::<Vec<_>>();
            behind.sort_unstable_by_key(|(_, seed)| {
                let longest = if seed.parameter { usize::MAX - seed.spelled.len() } else { 0 };
                (seed.parameter, longest, seed.spelled)
            });
            let parameters = behind.iter().filter(|(_, seed)| seed.parameter).count();
            order.extend(behind.iter().map(|(at, _)| *at));
            let mut next = usize::from(seed.last_end);
            while let Some(((_, before), at)) =
                next.checked_sub(1).and_then(|at| Some((self.ends.get(at)?, at)))
            {
                ends.push(at);
                next = usize::from(*before);
            }
            if let Some(here) = ends.get_mut(end..) {
                here.sort_unstable_by_key(|at| {
                    (self.ends.get(*at).map(|(end, _)| end.endpoint.surface), *at)
                });
            }
            branches.push(Branch {
                spelled: seed.spelled,
                first: small(first),
                literals: small(behind.len() - parameters),
                parameters: small(parameters),
                end: small(end),
                ends: small(ends.len() - end),
            });
        }
        let ends = ends.iter().filter_map(|at| self.ends.get(*at).map(|(end, _)| *end)).collect();
        let mut tree = Tree {
            branches: branches.into(),
            ends,
            plain: Box::default(),
            digest: foldhash::fast::RandomState::default(),
        };
        tree.note_plain();
        tree
    }
}

fn range(first: u16, count: u16) -> std::ops::Range<usize> {
    usize::from(first)..usize::from(first) + usize::from(count)
}

/// A number of places or rows. There are thousands, as a test says.
fn small(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// A number within one path.
fn tiny(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_large_enough_for_the_tables() {
        let tree = Tree::new();
        for number in [tree.branches.len(), tree.ends.len(), tree.plain.len()] {
            assert!(number < usize::from(u16::MAX) / 2, "{number}");
        }
        let roots = Surface::ALL.iter().flat_map(|surface| surface.roots()).map(|root| root.spelled);
        for text in roots.chain(all().iter().map(|endpoint| endpoint.path)) {
            assert!(text.len() < usize::from(u8::MAX), "{text}");
        }
    }

    #[test]
    fn every_path_without_a_parameter_is_noted_and_leads_where_the_tree_does() {
        let tree = Tree::new();
        let mut seen = 0;
        for end in tree.ends.iter().filter(|end| end.is_plain()) {
            let path = format!("{}{}", end.root.spelled, end.endpoint.path);
            let noted = tree.plain(&path).expect(&path);
            let mut at = tree.trunk().unwrap();
            for segment in path.split('/').skip(1) {
                at = tree.literal(at, segment).expect(&path);
            }
            assert!(std::ptr::eq(tree.ends(at), noted), "{path}");
            assert!(noted.iter().all(|other| other.is(&path) && other.is_plain()), "{path}");
            assert!(noted.is_sorted_by_key(|other| other.endpoint.surface), "{path}");
            seen += 1;
        }
        assert!(seen > 500, "{seen}");
        assert!(tree.plain("/v1/chat/completion").is_none());
        assert!(tree.plain("").is_none());
    }

    #[test]
    fn an_idle_gate_holds_it_in_a_quarter_of_a_megabyte() {
        let tree = Tree::new();
        let bytes = size_of_val(&*tree.branches) + size_of_val(&*tree.ends) + size_of_val(&*tree.plain);
        assert!(bytes < 250_000, "{bytes}");
    }
}
