//! `TopN`, beyond the seed.

use prof_runtime::{TopN, context::Number};

fn check<const N: usize, const M: usize>(n: usize, add: [(&str, i32); N], expect: [(&str, i32); M]) {
    let mut top = TopN::new(n);
    top.extend(add);
    assert_eq!(top.len(), M);
    assert_eq!(top.is_empty(), M == 0);
    assert_eq!(top.iter().map(|(key, value)| (*key, *value)).collect::<Vec<_>>(), expect);
    assert_eq!(top.into_iter().collect::<Vec<_>>(), expect);
}

#[test]
fn fewer_than_n_are_all_kept() {
    check(3, [], []);
    check(3, [("a", 1), ("b", 2)], [("b", 2), ("a", 1)]);
    check(usize::MAX, [("a", 1)], [("a", 1)]);
}

#[test]
fn none_is_kept_of_0() {
    check(0, [("a", 1), ("b", 2)], []);
}

#[test]
fn ties_are_by_key_descending() {
    check(3, [("b", 1), ("c", 1), ("a", 1)], [("c", 1), ("b", 1), ("a", 1)]);
    check(2, [("b", 1), ("a", 1), ("c", 1)], [("c", 1), ("b", 1)]);
    check(1, [("b", 1), ("a", 1)], [("b", 1)]);
}

#[test]
fn duplicates_are_kept_as_often_as_they_come() {
    check(3, [("a", 1), ("a", 1), ("a", 2)], [("a", 2), ("a", 1), ("a", 1)]);
    check(2, [("a", 1), ("a", 1), ("a", 1)], [("a", 1), ("a", 1)]);
}

#[test]
fn the_default_keeps_25() {
    let mut top = TopN::default();
    top.extend((0..100).map(|n| (n, n)));
    assert_eq!(top.limit(), 25);
    assert!(top.into_iter().map(|(key, _)| key).eq((75..100).rev()));
}

#[test]
fn equality_is_of_limit_and_pairs_not_of_the_order_of_adding() {
    let of = |n, pairs: [(&'static str, i32); 3]| {
        let mut top = TopN::new(n);
        top.extend(pairs);
        top
    };
    let top = of(2, [("a", 1), ("b", 2), ("c", 3)]);
    assert_eq!(top, of(2, [("c", 3), ("b", 2), ("b", 1)]));
    assert_ne!(top, of(2, [("c", 3), ("b", 1), ("b", 1)]));
    assert_ne!(of(3, [("a", 1); 3]), of(4, [("a", 1); 3]));
    assert_eq!(format!("{top:?}"), r#"TopN(2) [("c", 3), ("b", 2)]"#);
}

#[test]
fn floats_and_integers_rank_together_as_numbers() {
    let mut top: TopN<&str, Number> = TopN::new(2);
    top.add("a", 2.into());
    top.add("b", 2.5.into());
    top.add("c", 3.into());
    assert_eq!(top.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), ["c", "b"]);
}
