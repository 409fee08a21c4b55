//! Lays columns of text out within a width. Cells are shortened and columns left out, but no line wraps.

use anstyle::Style;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// One column of a table.
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) cells: Vec<String>,
    pub(super) gives_way: GivesWay,
}

/// How a column gives way where there is too little room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum GivesWay {
    /// Left out only where even the first column has no room beside it; the last of such columns goes first.
    Never,
    /// Left out; the lowest number goes first.
    LeftOut(u8),
    /// Its cells are shortened in the middle, to no less than this. Aligned to the left.
    Shortened { least: usize },
    /// Its cells are shortened in the middle, and if that is not enough, it is left out. Aligned to the left.
    ShortenedThenLeftOut { least: usize, order: u8 },
}

/// The most columns of a terminal that a cell may take, even if there is more room.
const MAX_CELL: usize = 60;
/// The fewest columns of a terminal that a cell is shortened to, when nothing else can give way.
const MIN_CELL: usize = 8;
/// The blanks around each cell: one on either side. The blank at the end of a line is not printed.
const PADDING: usize = 2;

impl GivesWay {
    /// Returns the least width of its cells; `None` if they are not shortened.
    fn least(self) -> Option<usize> {
        match self {
            Self::Never | Self::LeftOut(_) => None,
            Self::Shortened { least } | Self::ShortenedThenLeftOut { least, .. } => Some(least),
        }
    }

    /// Returns its place in the order in which columns are left out; `None` if it never is.
    fn order(self) -> Option<u8> {
        match self {
            Self::Never | Self::Shortened { .. } => None,
            Self::LeftOut(order) | Self::ShortenedThenLeftOut { order, .. } => Some(order),
        }
    }
}

/// Returns the lines of a table, header first, and the titles of the columns that were left out to keep within `width`.
pub(super) fn lay_out(mut columns: Vec<Column>, width: usize) -> (Vec<String>, Vec<&'static str>) {
    let all: Vec<&str> = columns.iter().map(|column| column.title).collect();
    while least_width(&columns) > width {
        let next = (0..columns.len()).filter_map(|at| Some((columns[at].gives_way.order()?, at))).min();
        let Some((_, at)) = next else { break };
        columns.remove(at);
    }
    while columns.len() > 1 && narrowest_width(&columns) > width {
        columns.pop();
    }
    let left_out = all.into_iter().filter(|title| columns.iter().all(|column| column.title != *title)).collect();
    let widths = widths(&columns, width);
    let rows = columns.iter().map(|column| column.cells.len()).max().unwrap_or(0);
    let line = |cell: &dyn Fn(&Column) -> String| {
        let cells = columns.iter().zip(&widths).map(|(column, width)| pad(&cell(column), *width, column.gives_way));
        let line = cells.collect::<String>();
        let line = line.trim_end();
        // The narrowest of terminals have no room for the blank.
        if line.width() > width { line.trim_start().to_owned() } else { line.to_owned() }
    };
    let header = line(&|column| column.title.to_owned());
    let rows = (0..rows).map(|row| line(&|column| column.cells[row].clone()));
    (std::iter::once(header).chain(rows).collect(), left_out)
}

/// Returns the width of a column whose cells are not shortened for lack of room.
fn natural_width(column: &Column) -> usize {
    let width = column.cells.iter().map(|cell| cell.width()).max().unwrap_or(0);
    let width = if column.gives_way.least().is_some() { width.min(MAX_CELL) } else { width };
    width.max(column.title.width())
}

/// Returns the width of the lines if every cell is as short as it can be.
fn least_width(columns: &[Column]) -> usize {
    let least = |column: &Column| {
        let natural = natural_width(column);
        column.gives_way.least().map_or(natural, |least| natural.min(least))
    };
    (columns.iter().map(|column| least(column) + PADDING).sum::<usize>()).saturating_sub(1)
}

/// Returns the width of the lines if every cell that can be shortened has the least width of all.
fn narrowest_width(columns: &[Column]) -> usize {
    let narrowest = |column: &Column| {
        let natural = natural_width(column);
        column.gives_way.least().map_or(natural, |least| natural.min(least).min(MIN_CELL))
    };
    (columns.iter().map(|column| narrowest(column) + PADDING).sum::<usize>()).saturating_sub(1)
}

/// Returns the width of each column. Spare room goes to the columns that can be shortened, from left to right.
fn widths(columns: &[Column], width: usize) -> Vec<usize> {
    let mut room = width.saturating_sub(least_width(columns));
    // The number of columns by which the lines are still too wide.
    let mut excess = least_width(columns).saturating_sub(width);
    let width_of = |column: &Column| {
        let natural = natural_width(column);
        let Some(least) = column.gives_way.least() else { return natural };
        let least = natural.min(least);
        let given = room.min(natural - least);
        let min_cell = if columns.len() == 1 { 1 } else { MIN_CELL };
        let taken = excess.min(least.saturating_sub(min_cell));
        room -= given;
        excess -= taken;
        least + given - taken
    };
    columns.iter().map(width_of).collect()
}

/// Returns a cell of a width, with a blank on either side.
fn pad(cell: &str, width: usize, gives_way: GivesWay) -> String {
    let is_left = gives_way.least().is_some();
    let cell = if is_left { shorten(cell, width) } else { cell.to_owned() };
    let blanks = " ".repeat(width.saturating_sub(cell.width()));
    match is_left {
        true => format!(" {cell}{blanks} "),
        false => format!(" {blanks}{cell} "),
    }
}

/// Replaces the middle of a text by `…` if it is wider than `width` columns of a terminal. Cuts between grapheme
/// clusters only.
fn shorten(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let letters: Vec<&str> = text.graphemes(true).collect();
    let room = width.saturating_sub(1);
    let (mut head, mut tail) = (0, letters.len());
    let cut = |head: usize, tail: usize| format!("{}…{}", letters[..head].concat(), letters[tail..].concat());
    // Adds a letter at either end in turn. A side stops growing at the first letter that does not fit.
    let (mut head_grows, mut tail_grows) = (true, true);
    while head_grows || tail_grows {
        head_grows = head_grows && head < tail && cut(head + 1, tail).width() <= room + 1;
        head += usize::from(head_grows);
        tail_grows = tail_grows && head < tail && cut(head, tail - 1).width() <= room + 1;
        tail -= usize::from(tail_grows);
    }
    cut(head, tail)
}

/// Breaks a sentence into lines of at most `width` columns: between words, and within words that are wider.
pub(super) fn wrap(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        if word.width() > width {
            if column > 0 {
                out.push('\n');
            }
            column = 0;
            for letter in word.graphemes(true) {
                if column > 0 && column + letter.width() > width {
                    out.push('\n');
                    column = 0;
                }
                out.push_str(letter);
                column += letter.width();
            }
            continue;
        }
        if column > 0 && column + 1 + word.width() > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.width();
    }
    out.push('\n');
    out
}

/// Joins lines to a text. Colors are for whole lines, so that they do not count as width.
pub(super) fn color(lines: &[String], style: impl Fn(usize) -> Style) -> String {
    let line = |(at, line): (usize, &String)| {
        let style = style(at);
        format!("{style}{line}{style:#}\n")
    };
    lines.iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_shortened(text: &str, width: usize, expect: &str) {
        assert_eq!(shorten(text, width), expect);
        assert!(expect.width() <= width, "{} columns", expect.width());
    }

    #[test]
    fn names_are_cut_by_what_they_take_on_a_terminal() {
        check_shortened("Store.load", 10, "Store.load");
        check_shortened("Store.load", 9, "Stor…load");
        check_shortened("Store.load", 8, "Stor…oad");
        // Two columns a letter.
        check_shortened("長い名前長い名前", 9, "長い…名前");
        check_shortened("長い名前長い名前", 8, "長い…前");
        check_shortened("長い名前長い名前", 3, "長…");
        // A letter with its marks is one, and so are a flag and a family.
        check_shortened("e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}", 3, "e\u{301}…e\u{301}");
        check_shortened("🇩🇪🇫🇷🇮🇹🇪🇸🇬🇧", 5, "🇩🇪…🇬🇧");
        check_shortened("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 5, "👩‍👩‍👧…👩‍👩‍👧");
        check_shortened("שלום עולם", 5, "של…לם");
        check_shortened("abc", 1, "…");
    }

    fn columns(name: &str, numbers: &[(&'static str, u8)]) -> Vec<Column> {
        let name = Column {
            title: "name",
            cells: vec![name.to_owned(), "b".to_owned()],
            gives_way: GivesWay::Shortened { least: 10 },
        };
        let number = |&(title, order): &(&'static str, u8)| Column {
            title,
            cells: vec!["1".to_owned(), "1,000".to_owned()],
            gives_way: if order == 0 { GivesWay::Never } else { GivesWay::LeftOut(order) },
        };
        std::iter::once(name).chain(numbers.iter().map(number)).collect()
    }

    #[test]
    fn names_give_way_before_numbers_and_those_in_their_order() {
        let laid_out = |width| lay_out(columns("a.rather.long.name", &[("n", 0), ("x", 2), ("y", 1)]), width);
        let (lines, out) = laid_out(100);
        let expect = [
            " name                    n      x      y",
            " a.rather.long.name      1      1      1",
            " b                   1,000  1,000  1,000",
        ];
        assert_eq!((&lines[..], &out[..]), (&expect.map(str::to_owned)[..], &[][..]));
        assert_eq!(laid_out(40).0, expect, "it just fits");
        let (lines, out) = laid_out(39);
        assert_eq!((&*lines[1], &out[..]), (" a.rather…ong.name      1      1      1", &[][..]));
        let (lines, out) = laid_out(31);
        assert_eq!((&*lines[1], &out[..]), (" a.rather…ng.name      1      1", &["y"][..]));
    }

    #[test]
    fn sentences_are_broken_between_words() {
        assert_eq!(wrap("one two three", 7), "one two\nthree\n");
        assert_eq!(wrap("one two three", 6), "one\ntwo\nthree\n");
        assert_eq!(wrap("a word", 3), "a\nwor\nd\n");
        assert_eq!(wrap("one", 1), "o\nn\ne\n");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_there_is_room(
            names in prop::collection::vec("[a-z.:<>]{0,90}|[長い名前]{0,60}|[a-c\u{301}]{0,60}|[שלוםא]{0,60}|\\PC{0,40}", 1..6),
            orders in prop::collection::vec(1_u8..9, 0..12),
            width in 1_usize..200,
        ) {
            const TITLES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
            let name = Column { title: "name", cells: names.clone(), gives_way: GivesWay::Shortened { least: 24 } };
            let numbers = TITLES.iter().zip(&orders).map(|(title, order)| Column {
                title,
                cells: names.iter().map(|_| "1,000,000".to_owned()).collect(),
                gives_way: GivesWay::LeftOut(*order),
            });
            let least_name = natural_width(&name).min(24);
            let (lines, left_out) = lay_out(std::iter::once(name).chain(numbers).collect(), width);
            prop_assert_eq!(lines.len(), names.len() + 1);
            for line in &lines {
                prop_assert!(line.width() <= width, "{} columns: {line:?}", line.width());
            }
            let shown = lines[0].split_whitespace().count() - 1;
            prop_assert!(shown == 0 || width > 8);
            prop_assert_eq!(shown + left_out.len(), orders.len());
            let with_one_more = least_name + 2 + (shown + 1) * (9 + 2) - 1;
            prop_assert!(left_out.is_empty() || with_one_more > width, "{lines:?} has room for one of {left_out:?}");
        }
    }
}
