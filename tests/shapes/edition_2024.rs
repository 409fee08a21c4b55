//! What only edition 2024 allows: the tail of a body may borrow from its locals.

mod a17_temporaries_of_the_tail_follow_the_users_edition {
    use prof_runtime::prof;
    use std::cell::RefCell;

    #[prof]
    fn owned() -> usize {
        let cell = RefCell::new("ab");
        let len = cell.borrow().len();
        len
    }

    #[prof]
    fn tail() -> usize {
        let cell = RefCell::new("ab");
        cell.borrow().len()
    }

    #[prof]
    fn tail_early(fail: bool) -> Result<usize, ()> {
        let cell = RefCell::new("ab");
        if fail {
            return Err(());
        }
        Ok(cell.borrow().len())
    }

    #[prof]
    async fn tail_later() -> usize {
        let cell = RefCell::new("ab");
        cell.borrow().len()
    }

    #[test]
    fn returns_as_before() {
        assert_eq!(owned(), 2);
        assert_eq!(tail(), 2);
        assert_eq!(tail_early(false), Ok(2));
        assert_eq!(prof_tests::block_on(tail_later()), 2);
    }
}
