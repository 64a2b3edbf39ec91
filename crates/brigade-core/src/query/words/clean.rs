//! Words that say nothing go out of a query, as though they were in every text. In a phrase they leave their distance to
//! what stands beside them.

use super::tree::{Lexeme, Tree};

/// The query without them; none where nothing is left.
pub(super) fn clean(tree: Tree<Option<Lexeme>>) -> Option<Tree<Lexeme>> {
    part(tree).tree
}

/// What is left of a part, and how many places it gives up before and behind what is left.
struct Part {
    tree: Option<Tree<Lexeme>>,
    before: u16,
    behind: u16,
}

fn part(tree: Tree<Option<Lexeme>>) -> Part {
    match tree {
        Tree::Leaf(leaf) => Part { tree: leaf.map(Tree::Leaf), before: 0, behind: 0 },
        Tree::Not(of) => {
            let of = part(*of);
            Part { tree: of.tree.map(Tree::not), ..of }
        }
        Tree::And(left, right) => joined(part(*left), part(*right), Tree::and),
        Tree::Or(left, right) => joined(part(*left), part(*right), Tree::or),
        Tree::Phrase(left, right, distance) => phrase(part(*left), part(*right), distance),
    }
}

fn joined(left: Part, right: Part, join: fn(Tree<Lexeme>, Tree<Lexeme>) -> Tree<Lexeme>) -> Part {
    match (left.tree, right.tree) {
        (Some(a), Some(b)) => Part { tree: Some(join(a, b)), before: 0, behind: 0 },
        (None, None) => {
            let most = left.before.max(right.before);
            Part { tree: None, before: most, behind: most }
        }
        (None, tree) => Part { tree, before: right.before, behind: right.behind },
        (tree, None) => Part { tree, before: left.before, behind: left.behind },
    }
}

fn phrase(left: Part, right: Part, distance: u16) -> Part {
    let sum = |a: u16, b: u16| a.saturating_add(distance).saturating_add(b);
    match (left.tree, right.tree) {
        (Some(a), Some(b)) => {
            let tree = a.then(b, sum(left.behind, right.before));
            Part { tree: Some(tree), before: left.before, behind: right.behind }
        }
        (None, None) => {
            let all = sum(left.before, right.before);
            Part { tree: None, before: all, behind: all }
        }
        (None, tree) => Part { tree, before: sum(left.before, right.before), behind: right.behind },
        (tree, None) => Part { tree, before: left.before, behind: sum(left.behind, right.behind) },
    }
}
