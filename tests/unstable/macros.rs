//! Macros 2.0, whose names are their own.

mod items_of_a_macro {
    use prof_runtime::prof;

    macro make($name:ident, $all:ident, $ty:ty) {
        #[prof]
        fn $name(x: $ty) -> Result<$ty, ()> {
            let y = x;
            if y == 0 {
                return Err(());
            }
            Ok(y)
        }

        #[prof]
        fn hidden() -> u8 {
            1
        }

        #[prof]
        async fn hidden_later(x: $ty) -> Result<$ty, ()> {
            if x == 0 {
                return Err(());
            }
            Ok(x)
        }

        struct Hidden(u8);

        impl Hidden {
            #[prof]
            fn method(&self, x: $ty) -> Result<u8, ()> {
                if x == 0 {
                    return Err(());
                }
                Ok(self.0)
            }
        }

        fn $all() {
            assert_eq!(hidden(), 1);
            assert_eq!(prof_tests::block_on(hidden_later(0)), Err(()));
            assert_eq!(Hidden(1).method(1), Ok(1));
        }
    }

    make!(made, all, u8);

    #[test]
    fn are_annotated_inside() {
        let calls = prof_tests::calls(|| {
            all();
            made(0)
        });
        let module = "items_of_a_macro";
        let expect = ["hidden.success", "hidden_later.failure", "made.failure"].map(|name| format!("{module}.{name}"));
        assert_eq!([&calls[0], &calls[1], &calls[3]], [&expect[0], &expect[1], &expect[2]]);
        assert_eq!(calls[2], "Hidden.method.success");
    }
}
