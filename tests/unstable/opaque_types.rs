//! Types that only the function's body makes known.

mod associated_types {
    use prof_runtime::prof;
    use prof_tests::{block_on, calls};
    use std::future::Future;

    struct Rows(Vec<u8>);

    impl IntoIterator for Rows {
        type Item = u8;
        type IntoIter = impl Iterator<Item = u8>;

        #[prof]
        fn into_iter(self) -> Self::IntoIter {
            self.0.into_iter()
        }
    }

    trait Service {
        type Future: Future<Output = Result<u8, u8>>;
        type Answer;
        fn call(&self, n: u8) -> Self::Future;
        fn early(&self, n: u8) -> Result<Self::Answer, u8>;
    }

    impl Service for Rows {
        type Future = impl Future<Output = Result<u8, u8>>;
        type Answer = impl Sized;

        #[prof]
        fn call(&self, n: u8) -> Self::Future {
            async move {
                if n == 0 {
                    return Err(1);
                }
                Ok(n)
            }
        }

        #[prof]
        fn early(&self, n: u8) -> Result<Self::Answer, u8> {
            if n == 0 {
                return Err(1);
            }
            Ok(n)
        }
    }

    struct Block;

    #[prof]
    impl Service for Block {
        type Future = impl Future<Output = Result<u8, u8>>;
        type Answer = impl Sized;

        fn call(&self, n: u8) -> Self::Future {
            let rows = Rows(vec![n]);
            async move { rows.0.first().copied().ok_or(1) }
        }

        fn early(&self, n: u8) -> Result<Self::Answer, u8> {
            Some(n).ok_or(1)
        }
    }

    #[test]
    fn are_made_known() {
        let seen = calls(|| {
            assert_eq!(Rows(vec![1]).into_iter().count(), 1);
            assert!(Rows(vec![]).early(0).is_err());
            assert!(Block.early(0).is_ok());
            assert_eq!(block_on(Block.call(1)), Ok(1));
            assert_eq!(block_on(Rows(vec![]).call(0)), Err(1));
        });
        let (with_value, futures) = seen.split_at(3);
        assert_eq!(with_value, ["Rows.into_iter.success", "Rows.early.failure", "Block.early.success"]);
        // A future under a name counts when it is made.
        assert_eq!(futures, ["Block.call.success", "Rows.call.success"]);
    }
}

mod aliases {
    use prof_runtime::prof;

    type Length = impl Fn(&str) -> usize;

    #[prof]
    #[define_opaque(Length)]
    fn length() -> Length {
        |text| text.len()
    }

    type Answer = impl Sized;

    #[prof]
    #[define_opaque(Answer)]
    fn early(fail: bool) -> Result<Answer, ()> {
        if fail {
            return Err(());
        }
        Ok(1)
    }

    #[test]
    fn are_made_known() {
        assert_eq!(length()("ab"), 2);
        assert!(early(false).is_ok());
    }
}
