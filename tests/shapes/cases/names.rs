//! The names under which functions are counted.

mod of_functions {
    use prof_runtime::prof;

    #[prof]
    fn in_module() {}

    #[prof]
    fn outer() {
        #[prof]
        fn inner() {
            #[prof]
            async fn innermost() {}
            prof_tests::block_on(innermost());
        }
        inner();
    }

    #[test]
    fn start_at_the_module_or_the_outer_function() {
        let calls = prof_tests::calls(|| {
            in_module();
            outer();
        });
        let expect = ["of_functions.in_module", "inner.innermost", "outer.inner", "of_functions.outer"];
        assert_eq!(calls, expect.map(|name| format!("{}.success", name)));
    }
}

mod of_methods {
    use prof_runtime::prof;
    use prof_tests::calls;

    struct Store<'a, T>(&'a T);
    struct Unit;

    impl<'a, T> Store<'a, T> {
        #[prof]
        fn load(&self) -> &'a T {
            self.0
        }
    }

    impl Store<'_, u8> {
        #[prof]
        async fn load_later(&self) -> u8 {
            *self.0
        }
    }

    trait Read {
        fn read(&self);
        #[prof]
        fn read_all(&self) {
            self.read();
        }
    }

    impl<T> Read for Store<'_, T> {
        #[prof]
        fn read(&self) {}
    }

    trait Extension {
        fn extend(&self);
    }

    impl<T> Extension for T {
        #[prof]
        fn extend(&self) {}
    }

    mod elsewhere {
        use prof_runtime::prof;

        impl super::Unit {
            #[prof]
            pub(super) fn from_elsewhere() {}
        }
    }

    #[test]
    fn start_with_the_type_or_the_trait() {
        let store = Store(&1_u8);
        let seen = calls(|| {
            store.load();
            prof_tests::block_on(store.load_later());
            store.read_all();
            Unit.extend();
            Unit::from_elsewhere();
        });
        let expect = [
            "Store.load",
            "Store.load_later",
            "Store.read",
            "Read.read_all",
            "Extension.extend",
            "Unit.from_elsewhere",
        ];
        assert_eq!(seen, expect.map(|name| format!("{}.success", name)));
    }
}

mod i11_of_types_without_a_name {
    use prof_runtime::prof;

    trait Touch {
        fn touch(&self);
    }

    struct Named;

    macro_rules! touch {
        ($($ty:ty),*) => {$(
            #[prof]
            impl Touch for $ty {
                fn touch(&self) {}
            }
        )*};
    }

    touch!([u8], (u8, Named), dyn Fn(), &Named, fn(u8) -> u8, *const u8, [Named; 2], str);

    #[test]
    fn are_spelled_out() {
        let function: fn(u8) -> u8 = |x| x;
        let closure: &dyn Fn() = &|| {};
        let pointer: *const u8 = &1;
        let calls = prof_tests::calls(|| {
            [1_u8][..].touch();
            (1_u8, Named).touch();
            closure.touch();
            (&Named).touch();
            function.touch();
            pointer.touch();
            [Named, Named].touch();
            "".touch();
        });
        let types = ["[u8]", "(u8, Named)", "dyn Fn()", "&Named", "fn(u8) -> u8", "*const u8", "[Named; 2]", "str"];
        assert_eq!(calls, types.map(|ty| format!("{}.touch.success", ty)));
    }
}
