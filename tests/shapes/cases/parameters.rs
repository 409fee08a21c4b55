//! Parameters of every pattern, with attributes.

mod b03_patterns {
    use prof_runtime::prof;

    struct P {
        x: u8,
        y: u8,
    }
    struct T(u8, #[allow(dead_code)] u8);

    #[prof]
    fn plain((a, b): (u8, u8), P { x, y: z }: P, T(c, _): T, [d, ..]: [u8; 3], &e: &u8, _: u8, mut g: u8) -> u8 {
        g += 1;
        a + b + x + z + c + d + e + g
    }

    #[prof]
    fn early(
        (a, b): (u8, u8),
        P { x, y: z }: P,
        T(c, _): T,
        [d, ..]: [u8; 3],
        &e: &u8,
        _: u8,
        mut g: u8,
    ) -> Result<u8, ()> {
        g += 1;
        if a > b {
            return Err(());
        }
        Ok(a + b + x + z + c + d + e + g)
    }

    #[prof]
    async fn later(
        (a, b): (u8, u8),
        P { x, y: z }: P,
        T(c, _): T,
        [d, ..]: [u8; 3],
        &e: &u8,
        _: u8,
        mut g: u8,
    ) -> Result<u8, ()> {
        g += 1;
        if a > b {
            return Err(());
        }
        Ok(a + b + x + z + c + d + e + g)
    }

    #[prof]
    fn bound(whole @ (_, b): (u8, u8), ref text: String, mut parts @ [_, _]: [u8; 2]) -> Result<usize, ()> {
        parts[0] += b;
        if parts[0] == 0 {
            return Err(());
        }
        Ok(usize::from(whole.0 + parts[0]) + text.len())
    }

    #[test]
    fn bind_as_before() {
        assert_eq!(plain((1, 1), P { x: 1, y: 1 }, T(1, 1), [1; 3], &1, 1, 1), 9);
        assert_eq!(early((1, 1), P { x: 1, y: 1 }, T(1, 1), [1; 3], &1, 1, 1), Ok(9));
        assert_eq!(prof_tests::block_on(later((1, 1), P { x: 1, y: 1 }, T(1, 1), [1; 3], &1, 1, 1)), Ok(9));
        assert_eq!(bound((1, 2), "ab".to_owned(), [1, 2]), Ok(6));
    }
}

mod b05_conditional_parameters {
    use prof_runtime::prof;

    #[prof]
    fn plain(#[cfg(any())] x: Missing, #[cfg(not(any()))] y: u8) -> u8 {
        y
    }

    #[prof]
    fn early(#[cfg(any())] x: Missing, #[cfg(not(any()))] y: String) -> Result<usize, ()> {
        if y.is_empty() {
            return Err(());
        }
        Ok(y.len())
    }

    #[prof]
    async fn later(
        #[cfg(any())] x: Missing,
        #[cfg(not(any()))] (y, _): (String, u8),
        #[cfg(any())] _: Missing,
    ) -> usize {
        y.len()
    }

    #[prof]
    fn generic<#[cfg(any())] T, #[cfg(not(any()))] U: Default>() -> Result<U, ()> {
        Some(U::default()).ok_or(())
    }

    #[prof]
    fn lint_on_a_parameter(
        #[allow(unused_variables)] x: String,
        #[cfg_attr(all(), allow(unused))] y: u8,
    ) -> Result<(), ()> {
        Some(()).ok_or(())?;
        Ok(())
    }

    #[prof]
    async fn lint_on_a_parameter_later(#[expect(unused_variables)] x: String) {}

    #[test]
    fn are_passed_as_before() {
        assert_eq!(plain(1), 1);
        assert_eq!(early("a".to_owned()), Ok(1));
        assert_eq!(prof_tests::block_on(later(("a".to_owned(), 1))), 1);
        assert_eq!(generic::<u8>(), Ok(0));
        assert_eq!(lint_on_a_parameter(String::new(), 1), Ok(()));
        prof_tests::block_on(lint_on_a_parameter_later(String::new()));
    }
}

mod parameters_that_shadow_each_other {
    use prof_runtime::prof;

    #[prof]
    fn underscore_names(__arg0: String, _: String, __arg1: String) -> Result<String, ()> {
        if __arg0 == __arg1 {
            return Err(());
        }
        Ok(__arg0 + &__arg1)
    }

    #[prof]
    async fn underscore_names_later(__arg0: String, _: String, __arg1: String) -> String {
        __arg0 + &__arg1
    }

    #[test]
    fn bind_as_before() {
        let text = |text: &str| text.to_owned();
        assert_eq!(underscore_names(text("a"), text("b"), text("c")), Ok(text("ac")));
        assert_eq!(prof_tests::block_on(underscore_names_later(text("a"), text("b"), text("c"))), "ac");
    }
}
