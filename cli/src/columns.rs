//! Text in columns: what it takes in a terminal, where it is cut or wrapped, and tables.
//!
//! All text is made visible here, so that nothing can be laid out that was not. Long text is wrapped here as well and
//! never by the terminal: padded with spaces, its end would else stand at the beginning of a line, where our own labels
//! are.

use crate::visible::visible;

/// The width everything is laid out for.
pub(crate) const WIDTH: usize = 80;
/// Between two columns of a table.
const GAP: &str = "  ";

/// The columns a character takes: two for the wide ones of East Asia and for pictographs (the wide ranges of UAX #11, not
/// letter by letter), else one. A combining mark counts as one too, so that text is cut early rather than late.
fn columns_of(character: char) -> usize {
    match u32::from(character) {
        0x1100..=0x115F
        | 0x2E80..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x1_F300..=0x1_FAFF
        | 0x2_0000..=0x3_FFFD => 2,
        _ => 1,
    }
}

fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// One visible line of at most `width` columns; what is cut off leaves `…`.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let shown = visible(text);
    if columns(&shown) <= width {
        return shown;
    }
    let mut kept = String::new();
    let mut taken = 1;
    for character in shown.chars() {
        taken += columns_of(character);
        if taken > width {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    kept
}

/// Visible lines of at most `width` columns. Line breaks of the text are kept, and none of its characters is left out.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    text.split('\n')
        .flat_map(|line| wrap_line(&visible(line), width))
        .collect()
}

fn wrap_line(line: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut taken = 0;
    for character in line.chars() {
        let more = columns_of(character);
        if taken + more > width {
            lines.push(String::new());
            taken = 0;
        }
        taken += more;
        if let Some(last) = lines.last_mut() {
            last.push(character);
        }
    }
    lines
}

/// A table with a head. The last column is not padded.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned))
        .chain(rows.iter().map(|row| row.clone().map(|cell| visible(&cell))))
        .collect();
    let widths: [usize; N] =
        std::array::from_fn(|at| rows.iter().map(|row| columns(&row[at])).max().unwrap_or_default());
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - columns(cell))))
                .collect();
            cells.join(GAP).trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_text_says_so_and_never_exceeds_its_width() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
        assert_eq!(cut("承認承認", 5), "承認…");
        assert_eq!(cut("a\u{202e}b", 20), "a<U+202E>b");
    }

    #[test]
    fn padding_cannot_push_a_forged_label_to_the_beginning_of_a_line() {
        let forged = format!("harmless{}Status  APPROVED", " ".repeat(WIDTH));
        let lines = wrap(&forged, 20);
        assert!(lines.iter().all(|line| columns(line) <= 20), "{lines:?}");
        assert_eq!(lines.concat(), forged);
    }

    #[test]
    fn line_breaks_are_kept_and_nothing_is_lost() {
        assert_eq!(wrap("one\n\ntwo", 10), ["one", "", "two"]);
        assert_eq!(wrap("承認承認", 3), ["承", "認", "承", "認"]);
        assert_eq!(wrap("", 10), [""]);
    }

    #[test]
    fn a_table_lines_up_whatever_is_in_it() {
        let rows = [["承認".to_owned(), "x".to_owned()], ["a\nb".to_owned(), "y".to_owned()]];
        let expected = ["TOOL        ID", "承認        x", "a<U+000A>b  y"].join("\n");
        assert_eq!(table(["TOOL", "ID"], &rows), expected);
    }
}
