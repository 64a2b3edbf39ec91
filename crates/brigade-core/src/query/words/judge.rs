//! Whether what was found in a text is what a query asks for. Phrases compare places: of each part of a phrase it is known
//! where it ends, or where it does not, and how wide it is.

use super::tree::{Lexeme, Tree};

/// Places of one word that are kept, as many as PostgreSQL keeps.
const PLACES_MAX: usize = 255;

/// Where the lexemes of a query were found in a text.
pub(super) struct Found<'q> {
    lexemes: &'q [Lexeme],
    places: Vec<Vec<u16>>,
}

impl<'q> Found<'q> {
    pub(super) fn of(lexemes: &'q [Lexeme]) -> Self {
        Self { lexemes, places: vec![Vec::new(); lexemes.len()] }
    }

    /// A lexeme of the text.
    pub(super) fn note(&mut self, lexeme: &str, place: u16) {
        for (asked, places) in self.lexemes.iter().zip(&mut self.places) {
            let fits = match asked.how.is_prefix {
                true => lexeme.starts_with(&asked.text),
                false => lexeme == asked.text && places.len() < PLACES_MAX,
            };
            if fits && !asked.how.is_weighted && places.last() != Some(&place) {
                places.push(place);
            }
        }
    }

    /// Whether the text has what a tree asks for.
    pub(super) fn fits(&self, tree: &Tree<usize>) -> bool {
        match tree {
            Tree::Leaf(lexeme) => !self.places[*lexeme].is_empty(),
            Tree::Not(of) => !self.fits(of),
            Tree::And(left, right) => self.fits(left) && self.fits(right),
            Tree::Or(left, right) => self.fits(left) || self.fits(right),
            Tree::Phrase(..) => self.ends(tree).is_somewhere,
        }
    }

    /// Where a part of a phrase ends.
    fn ends(&self, tree: &Tree<usize>) -> Ends {
        match tree {
            Tree::Leaf(lexeme) => {
                let places: Vec<u32> = self.places[*lexeme].iter().map(|&place| u32::from(place)).collect();
                Ends { is_somewhere: !places.is_empty(), places, is_turned: false, width: 0 }
            }
            Tree::Not(of) => self.ends(of).turned(),
            Tree::Or(left, right) => Ends::either(self.ends(left), self.ends(right)),
            Tree::And(left, right) => {
                let Some((left, right)) = self.both(left, right) else { return Ends::default() };
                let width = left.width.max(right.width);
                let (before, behind) = (width - left.width, width - right.width);
                Ends::both(left, right, before, behind, width)
            }
            Tree::Phrase(left, right, distance) => {
                let Some((left, right)) = self.both(left, right) else { return Ends::default() };
                let distance = u32::from(*distance);
                let (before, width) = (distance + right.width, distance + left.width + right.width);
                Ends::both(left, right, before, 0, width)
            }
        }
    }

    fn both(&self, left: &Tree<usize>, right: &Tree<usize>) -> Option<(Ends, Ends)> {
        let left = self.ends(left);
        let right = if left.is_somewhere { self.ends(right) } else { Ends::default() };
        right.is_somewhere.then_some((left, right))
    }
}

/// Where a part ends.
#[derive(Clone, Debug, Default)]
struct Ends {
    /// Whether it is anywhere.
    is_somewhere: bool,
    /// The places, ascending.
    places: Vec<u32>,
    /// Whether it ends everywhere but there.
    is_turned: bool,
    /// How far its beginning is from its end.
    width: u32,
}

/// Which places of two lists are taken.
#[derive(Clone, Copy)]
struct Taken {
    left: bool,
    right: bool,
    both: bool,
}

impl Ends {
    fn turned(self) -> Self {
        match (self.is_somewhere, self.places.is_empty()) {
            (false, _) => Self { is_somewhere: true, is_turned: true, ..self },
            (true, false) => Self { is_turned: !self.is_turned, ..self },
            (true, true) => Self { is_somewhere: false, is_turned: false, ..self },
        }
    }

    /// Where two parts end, of which both must be there; each is moved by so many places first.
    fn both(left: Self, right: Self, before: u32, behind: u32, width: u32) -> Self {
        let (taken, is_turned) = match (left.is_turned, right.is_turned) {
            (true, true) => (Taken { left: true, right: true, both: true }, true),
            (true, false) => (Taken { left: false, right: true, both: false }, false),
            (false, true) => (Taken { left: true, right: false, both: false }, false),
            (false, false) => (Taken { left: false, right: false, both: true }, false),
        };
        let places = merged(&left.places, before, &right.places, behind, taken);
        Self { is_somewhere: is_turned || !places.is_empty(), places, is_turned, width }
    }

    fn either(left: Self, right: Self) -> Self {
        if !left.is_somewhere && !right.is_somewhere {
            return Self::default();
        }
        let width_of = |of: &Self| if of.is_somewhere { of.width } else { 0 };
        let (one, other) = (width_of(&left), width_of(&right));
        let width = one.max(other);
        let (taken, is_turned) = match (left.is_turned, right.is_turned) {
            (true, true) => (Taken { left: false, right: false, both: true }, true),
            (true, false) => (Taken { left: true, right: false, both: false }, true),
            (false, true) => (Taken { left: false, right: true, both: false }, true),
            (false, false) => (Taken { left: true, right: true, both: true }, false),
        };
        let places = merged(&left.places, width - one, &right.places, width - other, taken);
        Self { is_somewhere: is_turned || !places.is_empty(), places, is_turned, width }
    }
}

fn merged(left: &[u32], before: u32, right: &[u32], behind: u32, taken: Taken) -> Vec<u32> {
    let mut out = Vec::new();
    let (mut left, mut right) =
        (left.iter().map(|p| p + before).peekable(), right.iter().map(|p| p + behind).peekable());
    while let Some(place) = left.peek().into_iter().chain(right.peek()).min().copied() {
        let is_taken = match (left.next_if_eq(&place).is_some(), right.next_if_eq(&place).is_some()) {
            (true, true) => taken.both,
            (true, false) => taken.left,
            (false, _) => taken.right,
        };
        if is_taken {
            out.push(place);
        }
    }
    out
}
