//! Attribute macros that come after this one, and read the parameters: what they read is what the user wrote.

mod f01_attributes_of_parameters {
    use prof_runtime::prof;
    use prof_tests_stand_in::given;

    #[prof]
    #[given("1".to_owned(), 2)]
    fn early(#[case] text: String, #[case] mut n: u8, #[fixed(3)] m: u8) -> Result<u8, std::num::ParseIntError> {
        n += text.parse::<u8>()?;
        Ok(n + m)
    }

    #[given("1".to_owned(), 2)]
    #[prof]
    fn in_the_other_order(#[case] text: String, #[case] mut n: u8) -> Result<u8, std::num::ParseIntError> {
        n += text.parse::<u8>()?;
        Ok(n)
    }

    #[prof]
    #[given(("1".to_owned(), 2), vec![3])]
    async fn later(#[case] (text, n): (String, u8), #[case] _: Vec<u8>) -> Result<u8, std::num::ParseIntError> {
        Ok(text.parse::<u8>()? + n)
    }

    #[prof]
    #[cfg_attr(all(), given("1".to_owned()))]
    fn conditional(
        #[case]
        #[cfg_attr(all(), allow(unused))]
        text: String,
    ) -> Result<u8, ()> {
        Some(1).ok_or(())?;
        Ok(1)
    }

    #[prof]
    #[given(Some(1))]
    fn in_place(#[case] mut n: Option<u8>) -> Option<u8> {
        n.take()
    }

    #[test]
    fn stay_on_them() {
        let calls = prof_tests::calls(|| {
            assert_eq!(early_given(), Ok(6));
            assert_eq!(in_the_other_order_given(), Ok(3));
            assert_eq!(prof_tests::block_on(later_given()), Ok(3));
            assert_eq!(conditional_given(), Ok(1));
            assert_eq!(in_place_given(), Some(1));
        });
        assert_eq!(calls.len(), 5);
    }
}

mod f02_names_of_parameters {
    use prof_runtime::prof;
    use prof_tests_stand_in::keyed;

    #[prof]
    #[keyed("name.len()")]
    fn early(name: String, mut n: u8) -> Result<u8, ()> {
        n += 1;
        if name.is_empty() {
            return Err(());
        }
        Ok(n)
    }

    #[prof]
    #[keyed("(&name, _unused.len())")]
    async fn later(name: String, _unused: Vec<u8>) -> Result<usize, ()> {
        if name.is_empty() {
            return Err(());
        }
        Ok(name.len())
    }

    #[keyed("name.len()")]
    #[prof]
    fn in_the_other_order(name: String) -> Result<usize, ()> {
        if name.is_empty() {
            return Err(());
        }
        Ok(name.len())
    }

    macro_rules! made {
        ($name:ident, $key:literal, $argument:ident: $ty:ty) => {
            #[prof]
            #[keyed($key)]
            fn $name($argument: $ty) -> Result<$ty, ()> {
                if $argument.is_empty() {
                    return Err(());
                }
                Ok($argument)
            }
        };
    }
    made!(by_a_macro, "argument.clone()", argument: String);

    #[test]
    fn are_those_of_the_user() {
        let text = |text: &str| text.to_owned();
        let calls = prof_tests::calls(|| {
            assert_eq!(early(text("ab"), 1), Ok(2));
            assert_eq!(prof_tests::block_on(later(text("a"), vec![1])), Ok(1));
            assert_eq!(in_the_other_order(text("")), Err(()));
            assert_eq!(by_a_macro(text("a")), Ok(text("a")));
        });
        assert_eq!(prof_tests::take_notes(), ["key = 2", "key = (\"a\", 1)", "key = 0", "key = \"a\""]);
        assert_eq!(calls.len(), 4);
    }
}

mod f03_bindings_of_patterns {
    use prof_runtime::prof;
    use prof_tests_stand_in::noted;

    struct Wrapped<T>(T);
    struct Login {
        user: String,
        secret: Vec<u8>,
    }

    #[prof]
    #[noted(secret)]
    fn early((user, secret): (String, Vec<u8>), n: u8) -> Result<usize, ()> {
        if user.is_empty() {
            return Err(());
        }
        Ok(secret.len() + usize::from(n))
    }

    #[prof]
    #[noted(secret)]
    async fn later(
        Login { user, secret }: Login,
        Wrapped(mut list): Wrapped<Vec<u8>>,
        [first, ..]: [String; 2],
        _: String,
        ref kept: String,
        &n: &u8,
    ) -> Result<usize, ()> {
        list.push(n);
        if user.is_empty() || first == *kept {
            return Err(());
        }
        Ok(secret.len() + list.len())
    }

    #[noted(secret)]
    #[prof]
    fn in_the_other_order((user, secret): (String, Vec<u8>)) -> Result<usize, ()> {
        if user.is_empty() {
            return Err(());
        }
        Ok(secret.len())
    }

    #[test]
    fn are_those_of_the_user() {
        let text = |text: &str| text.to_owned();
        assert_eq!(early((text("a"), vec![1]), 1), Ok(2));
        assert_eq!(prof_tests::take_notes(), ["user = \"a\"", "n = 1"]);
        let login = Login { user: text("a"), secret: vec![1] };
        let all = later(login, Wrapped(vec![2]), [text("b"), text("c")], text("d"), text("e"), &3);
        assert_eq!(prof_tests::block_on(all), Ok(3));
        let expect = ["user = \"a\"", "list = [2]", "first = \"b\"", "kept = \"e\"", "n = 3"];
        assert_eq!(prof_tests::take_notes(), expect);
        assert_eq!(in_the_other_order((text(""), vec![])), Err(()));
        assert_eq!(prof_tests::take_notes(), ["user = \"\""]);
    }
}

mod f04_members_of_blocks {
    use prof_runtime::prof;
    use prof_tests_stand_in::{exported, noted};

    struct Login;

    #[prof]
    impl Login {
        #[noted(secret)]
        fn login(&self, (user, secret): (String, Vec<u8>), mut n: u8) -> Result<u8, ()> {
            n += 1;
            if user.len() > secret.len() {
                return Err(());
            }
            Ok(n)
        }
    }

    #[prof]
    #[exported]
    impl Login {
        fn renamed(self, #[exported("id")] number: String, mut list: Vec<u8>) -> Result<Vec<u8>, ()> {
            if number.is_empty() {
                return Err(());
            }
            list.push(1);
            Ok(list)
        }
    }

    #[prof]
    mod whole {
        use prof_tests_stand_in::{exported, given};

        #[given("1".to_owned())]
        pub(super) fn early(#[case] text: String) -> Result<u8, std::num::ParseIntError> {
            Ok(text.parse::<u8>()?)
        }

        pub(crate) struct Inner;

        #[exported]
        impl Inner {
            pub(super) fn renamed(&self, #[exported("id")] number: String) -> Result<usize, ()> {
                if number.is_empty() {
                    return Err(());
                }
                Ok(number.len())
            }
        }
    }

    #[prof]
    #[exported]
    trait Defaulted {
        fn declared(&self, #[exported("a")] text: String);

        fn defaulted(&self, #[exported("b")] text: String) -> Result<usize, ()> {
            if text.is_empty() {
                return Err(());
            }
            Ok(text.len())
        }
    }

    impl Defaulted for Login {
        fn declared(&self, _: String) {}
    }

    #[test]
    fn keep_their_parameters() {
        let text = |text: &str| text.to_owned();
        let seen = prof_tests::calls(|| {
            assert_eq!(Login.login((text("a"), vec![1]), 1), Ok(2));
            assert_eq!(Login.renamed(text("a"), vec![]), Ok(vec![1]));
            assert_eq!(whole::early_given(), Ok(1));
            assert_eq!(whole::Inner.renamed(text("")), Err(()));
            assert_eq!(Login.defaulted(text("a")), Ok(1));
            Login.declared(text(""));
        });
        let expect = ["Login.login.success", "Login.renamed.success", "whole.early.success", "Inner.renamed.failure"];
        assert_eq!(seen[..4], expect);
        assert_eq!(seen[4..], ["Defaulted.defaulted.success"]);
        assert_eq!(prof_tests::take_notes(), ["user = \"a\"", "n = 1"]);
        assert_eq!(Login::renamed_parameters(), ["id", "list"]);
        assert_eq!(whole::Inner::renamed_parameters(), ["id"]);
        assert_eq!(exported_by_Defaulted::declared_parameters(), ["a"]);
        assert_eq!(exported_by_Defaulted::defaulted_parameters(), ["b"]);
    }
}

mod f05_what_a_body_does_with_its_parameters {
    use prof_runtime::prof;
    use prof_tests_stand_in::keyed;

    #[prof]
    #[keyed("0")]
    fn assigned(mut text: &str, mut list: Vec<usize>) -> Result<usize, ()> {
        text = text.trim();
        list.push(text.len());
        if list.len() > 9 {
            return Err(());
        }
        Ok(list.len())
    }

    #[prof]
    #[keyed("0")]
    async fn assigned_later(mut text: &str, mut list: Vec<usize>) -> Result<usize, ()> {
        let local = text.to_owned() + "!";
        text = &local;
        list.push(text.len());
        if list.len() > 9 {
            return Err(());
        }
        Ok(list.len())
    }

    #[prof]
    #[keyed("0")]
    fn borrowed<'a>(first: &'a mut Vec<u8>, second: &'a str, owned: Option<&'a mut u8>) -> Result<&'a mut u8, &'a str> {
        let found = first.first_mut().ok_or(second)?;
        *found += owned.map_or(0, |owned| *owned);
        Ok(found)
    }

    #[prof]
    #[keyed("0")]
    fn moved(first: String, second: String, take: bool) -> Result<String, String> {
        if take {
            return Ok(first);
        }
        Err(second)?
    }

    #[prof]
    #[keyed("0")]
    async fn not_sync(cell: std::cell::Cell<u8>, text: String) -> Result<usize, ()> {
        prof_tests::yield_now().await;
        if cell.get() == 0 {
            return Err(());
        }
        Ok(text.len())
    }

    fn is_send<T: Send>(value: T) -> T {
        value
    }

    #[test]
    fn is_what_it_did() {
        assert_eq!(assigned("a", vec![]), Ok(1));
        assert_eq!(prof_tests::block_on(assigned_later("a", vec![])), Ok(1));
        assert_eq!(borrowed(&mut vec![1], "none", Some(&mut 2)), Ok(&mut 3));
        assert_eq!(moved("a".to_owned(), "b".to_owned(), false), Err("b".to_owned()));
        let future = is_send(not_sync(std::cell::Cell::new(1), "a".to_owned()));
        assert_eq!(prof_tests::block_on(Box::pin(future)), Ok(1));
    }
}
