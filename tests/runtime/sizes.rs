//! r05, r06, r11: futures and stack frames stay small.

use std::mem::size_of_val;

use prof_tests::yield_now;

/// Four nested `async` functions with an argument of 64 bytes, that leave early or not.
macro_rules! nested {
    ($($attribute:meta)?) => {
        $(#[$attribute])?
        pub(super) async fn first(argument: [u8; 64]) -> u8 {
            second(argument).await
        }

        $(#[$attribute])?
        pub(super) async fn second(argument: [u8; 64]) -> u8 {
            third(argument).await
        }

        $(#[$attribute])?
        pub(super) async fn third(argument: [u8; 64]) -> u8 {
            fourth(argument).await
        }

        $(#[$attribute])?
        pub(super) async fn fourth(argument: [u8; 64]) -> u8 {
            super::yield_now().await;
            argument[0]
        }

        $(#[$attribute])?
        pub(super) async fn early_first(argument: [u8; 64]) -> Result<u8, ()> {
            Ok(early_second(argument).await?)
        }

        $(#[$attribute])?
        pub(super) async fn early_second(argument: [u8; 64]) -> Result<u8, ()> {
            Ok(early_third(argument).await?)
        }

        $(#[$attribute])?
        pub(super) async fn early_third(argument: [u8; 64]) -> Result<u8, ()> {
            Ok(early_fourth(argument).await?)
        }

        $(#[$attribute])?
        pub(super) async fn early_fourth(argument: [u8; 64]) -> Result<u8, ()> {
            super::yield_now().await;
            Some(argument[0]).ok_or(())?;
            Ok(argument[0])
        }

        $(#[$attribute])?
        pub(super) fn depth(n: u32, top: usize) -> usize {
            let here = 0_u8;
            let at = std::hint::black_box(&raw const here) as usize;
            if n == 0 { top - at } else { depth(n - 1, top) }
        }

        $(#[$attribute])?
        pub(super) fn early_depth(n: u32, top: usize) -> Result<usize, ()> {
            let here = 0_u8;
            let at = std::hint::black_box(&raw const here) as usize;
            Ok(if n == 0 { top - at } else { early_depth(n - 1, top)? })
        }
    };
}

mod plain {
    nested!();
}

mod annotated {
    nested!(prof_runtime::prof);
}

#[track_caller]
fn check_future(annotated: usize, plain: usize) {
    let budget = plain * 5 / 4 + 4 * 96;
    println!("future of four levels: {annotated} bytes, plain {plain}, budget {budget}");
    assert!(annotated <= budget, "{annotated} is more than {budget}");
}

#[test]
fn r05_nested_futures() {
    check_future(size_of_val(&annotated::first([0; 64])), size_of_val(&plain::first([0; 64])));
}

#[test]
fn r06_nested_futures_that_may_leave_early() {
    check_future(size_of_val(&annotated::early_first([0; 64])), size_of_val(&plain::early_first([0; 64])));
}

#[track_caller]
fn check_frame(depth: impl Fn(u32) -> usize, plain: impl Fn(u32) -> usize) {
    let per_frame = |depth: &dyn Fn(u32) -> usize| (depth(101) - depth(1)) / 100;
    let (annotated, plain) = (per_frame(&depth), per_frame(&plain));
    let budget = plain * 5 / 2 + 64;
    println!("stack of a frame: {annotated} bytes, plain {plain}, budget {budget}");
    assert!(annotated <= budget, "{annotated} is more than {budget}");
}

#[test]
fn r11_stack_frames() {
    let here = 0_u8;
    let top = &raw const here as usize;
    check_frame(|n| annotated::depth(n, top), |n| plain::depth(n, top));
    check_frame(|n| annotated::early_depth(n, top).unwrap(), |n| plain::early_depth(n, top).unwrap());
}
