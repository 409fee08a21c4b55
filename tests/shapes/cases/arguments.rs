//! The attribute's arguments, and the ways to write the attribute.

const OUTER: &str = "from outside";

mod groups_and_names {
    use prof_runtime::{MemoryHandler, prof, scoped};

    const GROUP: &str = "from a const";

    #[prof(group = "given", name = "renamed")]
    fn literal() {}

    #[prof(group = GROUP)]
    fn constant() {}

    #[prof(group = super::OUTER, name = "path")]
    async fn path() {}

    #[test]
    fn are_used() {
        let memory = MemoryHandler::new();
        {
            let _scope = scoped(memory.clone());
            literal();
            constant();
            prof_tests::block_on(path());
        }
        assert_eq!(memory.get("renamed.success").unwrap().group_name, "given");
        assert_eq!(memory.get("groups_and_names.constant.success").unwrap().group_name, GROUP);
        assert_eq!(memory.get("path.success").unwrap().group_name, super::OUTER);
    }
}

mod groups_of_blocks {
    use prof_runtime::prof;

    #[prof(group = "traits")]
    trait Grouped {
        fn defaulted(&self) {}
    }

    impl Grouped for u8 {}

    #[prof(group = "modules")]
    mod grouped {
        pub(super) fn free() {}
    }

    #[test]
    fn are_those_of_their_functions() {
        1_u8.defaulted();
        grouped::free();
        let group = |name: &str| prof_runtime::callsites().find(|site| site.name() == name).unwrap().group();
        assert_eq!((group("Grouped.defaulted"), group("grouped.free")), ("traits", "modules"));
    }
}

mod predicates {
    use prof_runtime::prof;
    use prof_tests::{block_on, calls};

    #[prof(ok = |status: &u16| *status < 500)]
    fn status(status: u16) -> u16 {
        status
    }

    #[prof(err = Option::is_none)]
    fn absent(value: Option<u8>) -> Option<u8> {
        let value = value?;
        Some(value)
    }

    #[prof(ok = is_fine)]
    async fn later(value: u8) -> Result<u8, u8> {
        if value == 0 {
            return Err(0);
        }
        Ok(value)
    }

    #[allow(clippy::trivially_copy_pass_by_ref)]
    fn is_fine(result: &Result<u8, u8>) -> bool {
        *result == Err(0)
    }

    #[test]
    fn decide() {
        let seen = calls(|| (status(404), status(503), absent(None), block_on(later(0)), block_on(later(1))));
        let expect = ["status.success", "status.failure", "absent.failure", "later.success", "later.failure"];
        assert_eq!(seen, expect.map(|name| format!("predicates.{}", name)));
    }
}

mod spellings_of_the_attribute {
    use prof_runtime::prof as measured;
    use prof_tests::calls;

    #[measured]
    fn aliased() {}

    #[cfg_attr(all(), prof_runtime::prof)]
    fn conditional() {}

    #[cfg_attr(any(), prof_runtime::prof)]
    fn conditional_off() {}

    #[prof_runtime::prof(skip)]
    fn skipped() {}

    mod facade {
        pub(super) use ::prof_runtime as inner;
    }

    #[facade::inner::prof(crate = facade::inner)]
    fn renamed_dependency() -> Result<u8, u8> {
        Some(1).ok_or(1)
    }

    #[prof_runtime::prof()]
    fn empty_parentheses() {}

    #[measured]
    #[measured]
    fn twice_under_an_alias() {}

    #[test]
    fn mean_the_same() {
        let seen = calls(|| {
            aliased();
            conditional();
            conditional_off();
            skipped();
            renamed_dependency().unwrap();
            empty_parentheses();
            twice_under_an_alias();
        });
        let names = ["aliased", "conditional", "renamed_dependency", "empty_parentheses", "twice_under_an_alias"];
        assert_eq!(seen, names.map(|name| format!("spellings_of_the_attribute.{}.success", name)));
    }
}
