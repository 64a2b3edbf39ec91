//! A query as a tree, and what a piece of text inside it becomes: its words, joined.

use super::language::{Language, Lexemes, Memo};

/// Conditions, joined, over leaves of some kind: before `clean` a lexeme or a word that says nothing, then a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tree<L> {
    Leaf(L),
    Not(Box<Tree<L>>),
    And(Box<Tree<L>>, Box<Tree<L>>),
    Or(Box<Tree<L>>, Box<Tree<L>>),
    /// The second so many places behind the first.
    Phrase(Box<Tree<L>>, Box<Tree<L>>, u16),
}

/// A lexeme that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lexeme {
    pub(super) text: String,
    pub(super) how: How,
}

/// How a lexeme is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct How {
    /// Whether longer ones are meant too.
    pub(super) is_prefix: bool,
    /// Whether only words with a weight are meant: a text's own have none.
    pub(super) is_weighted: bool,
}

impl How {
    pub(super) const EXACT: Self = Self { is_prefix: false, is_weighted: false };
}

/// What joins the words of one piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joined {
    And,
    Phrase,
}

impl<L> Tree<L> {
    pub(super) fn not(self) -> Self {
        Self::Not(Box::new(self))
    }

    pub(super) fn and(self, right: Self) -> Self {
        Self::And(Box::new(self), Box::new(right))
    }

    pub(super) fn or(self, right: Self) -> Self {
        Self::Or(Box::new(self), Box::new(right))
    }

    pub(super) fn then(self, right: Self, distance: u16) -> Self {
        Self::Phrase(Box::new(self), Box::new(right), distance)
    }
}

impl Tree<Lexeme> {
    /// The same with a number in the place of each lexeme, which stands in the list then.
    pub(super) fn numbered(self, lexemes: &mut Vec<Lexeme>) -> Tree<usize> {
        match self {
            Self::Leaf(lexeme) => {
                lexemes.push(lexeme);
                Tree::Leaf(lexemes.len() - 1)
            }
            Self::Not(of) => of.numbered(lexemes).not(),
            Self::And(left, right) => left.numbered(lexemes).and(right.numbered(lexemes)),
            Self::Or(left, right) => left.numbered(lexemes).or(right.numbered(lexemes)),
            Self::Phrase(left, right, distance) => left.numbered(lexemes).then(right.numbered(lexemes), distance),
        }
    }
}

/// The words of a piece of text, joined; one that says nothing keeps its place between two others. None: no word at all.
pub(super) fn value(language: &Language, text: &str, joined: Joined, how: How) -> Option<Tree<Option<Lexeme>>> {
    let (mut tree, mut last) = (None, 0);
    let mut push = |leaf: Option<Lexeme>| {
        let leaf = Tree::Leaf(leaf);
        tree = Some(match (tree.take(), joined) {
            (None, _) => leaf,
            (Some(tree), Joined::And) => Tree::and(tree, leaf),
            (Some(tree), Joined::Phrase) => Tree::then(tree, leaf, 1),
        });
    };
    Lexemes::new(language, &mut Memo::default()).each(text, &mut |lexeme, place| {
        if last > 0 {
            (last + 1..place).for_each(|_| push(None));
        }
        push(Some(Lexeme { text: lexeme.to_owned(), how }));
        last = place;
    });
    tree
}
