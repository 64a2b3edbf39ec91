//! Whatever is printed is read back the same, and whatever bytes come, they are read or refused.

use crate::data::plan::{
    Aggregate, Comparator, Comparison, Embed, Field, FieldItem, Group, Is, Item, Join, Node, Order, Place, Quantifier,
    Step, Syntax, Test, TextSearch, Tree,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{super::parse, print};

fn text() -> impl Strategy<Value = String> {
    "[^\0]{0,12}"
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z_]{1,6}", 1 => "[^\0]{1,8}"]
}

fn field() -> impl Strategy<Value = Field> {
    let place = prop_oneof![text().prop_map(Place::Key), any::<i32>().prop_map(Place::Index)];
    let step = (place, any::<bool>()).prop_map(|(to, as_text)| Step { to, as_text });
    (name(), vec(step, 0..3)).prop_map(|(column, path)| Field { column, path })
}

fn test() -> impl Strategy<Value = Test> {
    let comparators: Vec<Comparator> = Comparator::ALL.iter().map(|(by, _)| *by).collect();
    let quantifier = option::of(select(vec![Quantifier::Any, Quantifier::All]));
    prop_oneof![
        (select(comparators), quantifier, text()).prop_map(|(by, quantifier, with)| {
            let quantifier = quantifier.filter(|_| by != Comparator::Neq);
            Test::Compare { by, quantifier, with }
        }),
        vec(text(), 0..4).prop_map(Test::In),
        select(Is::ALL.to_vec()).prop_map(|(is, _)| Test::Is(is)),
        text().prop_map(Test::IsDistinct),
        text().prop_map(Test::Contains),
        text().prop_map(Test::ContainedBy),
        text().prop_map(Test::Overlaps),
        (select(Syntax::ALL.map(|(syntax, _)| syntax).to_vec()), option::of(name()), text())
            .prop_map(|(syntax, language, query)| Test::Search(TextSearch { syntax, language, query })),
        (select(vec!["sl", "sr", "nxr", "nxl", "adj"]), text()).prop_map(|(word, with)| Test::Range(word, with)),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = (field(), any::<bool>(), test())
        .prop_map(|(field, negated, test)| Tree::Compare(Comparison { field, negated, test }));
    leaf.prop_recursive(3, 12, 3, |inner| {
        (any::<bool>(), any::<bool>(), vec(inner, 1..4))
            .prop_map(|(negated, any, of)| Tree::Group(Group { negated, any, of }))
    })
}

fn column() -> impl Strategy<Value = Item> {
    let aggregates: Vec<Aggregate> = Aggregate::ALL.iter().map(|(a, _)| *a).collect();
    let cast = || option::of("[a-z0-9_]{1,8}(\\[\\])?");
    (option::of(name()), field(), cast(), option::of((select(aggregates), cast()))).prop_map(
        |(alias, field, cast, aggregate)| {
            let (aggregate, aggregate_cast) = aggregate.map_or((None, None), |(a, cast)| (Some(a), cast));
            Item::Field(FieldItem { alias, field, cast, aggregate, aggregate_cast })
        },
    )
}

fn node() -> impl Strategy<Value = Node> {
    let order = (option::of(name()), field(), any::<bool>(), option::of(any::<bool>()))
        .prop_map(|(embed, field, descending, nulls_first)| Order { embed, field, descending, nulls_first });
    let number = || option::of(0..=i64::MAX as u64);
    let parts = (vec(tree(), 0..3), vec(order, 0..3), number(), number());
    let leaf = (vec(prop_oneof![Just(Item::All), column()], 1..4), parts.boxed());
    let leaf =
        leaf.prop_map(|(select, (filters, order, limit, offset))| Node { select, filters, order, limit, offset });
    leaf.prop_recursive(2, 6, 2, |inner| {
        let join = option::of(select(vec![Join::Inner, Join::Left]));
        (inner.clone(), name(), option::of("[k-z]{1,5}"), join, any::<bool>(), inner).prop_map(
            |(mut outer, target, hint, join, spread, node)| {
                // Two embeds of one name could not be told apart.
                let alias = Some(format!("e{}", outer.select.len()));
                outer.select.push(Item::Embed(Embed { alias, target, hint, join, spread, node }));
                outer
            },
        )
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(node in node()) {
        let printed = print::query(&node);
        let read = parse(&printed).map_err(|e| TestCaseError::fail(format!("{printed}: {e} {:?}", e.get_details())))?;
        prop_assert_eq!(read.node, node, "{}", printed);
    }

    #[test]
    fn any_text_is_read_or_refused(query in "\\PC{0,60}") {
        let _ = parse(&query);
    }

    #[test]
    fn any_text_of_the_grammar_is_read_or_refused(
        query in "(select|order|or|and|a|b\\.a|a->>b|limit)=[-a-c*(){}.,:!\"\\\\>&=%+0-9]{0,40}(&(a|or|order)=[a-c(){}.,:!\"\\\\>]{0,20})?"
    ) {
        let _ = parse(&query);
    }
}
