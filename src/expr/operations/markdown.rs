//! Converts Markdown to HTML and to plain text.
//!
//! The HTML is safe even for untrusted Markdown: embedded HTML is escaped, and links and images keep only URLs with
//! harmless schemes.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

use crate::expr::inputs::Writer;
use crate::expr::meter::Exceeded;
use crate::expr::operation::OperationError;

/// The longest Markdown, in bytes.
const SOURCE_MAX: usize = 64 * 1024;

/// The allowed schemes. Relative URLs, which have no colon before the first slash, are allowed too.
const SCHEMES: [&str; 4] = ["http:", "https:", "mailto:", "tel:"];

pub(super) fn write_html(source: &str, writer: &mut Writer) -> Result<(), OperationError> {
    let events = parse(source)?.map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Link { link_type, dest_url: harmless(dest_url), title, id })
        }
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Image { link_type, dest_url: harmless(dest_url), title, id })
        }
        other => other,
    });
    html::write_html_fmt(writer, events).map_err(|_| Exceeded::Value.into())
}

/// The text without markup, with each block on its own line.
pub(super) fn plain_text(source: &str) -> Result<String, OperationError> {
    let mut text = String::with_capacity(source.len());
    for event in parse(source)? {
        match event {
            Event::Text(part) | Event::Code(part) | Event::InlineMath(part) | Event::DisplayMath(part) => text += &part,
            Event::SoftBreak | Event::HardBreak => text.push('\n'),
            Event::End(
                TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::CodeBlock | TagEnd::Item | TagEnd::TableRow,
            ) if !text.is_empty() && !text.ends_with('\n') => text.push('\n'),
            Event::End(TagEnd::TableCell) => text.push(' '),
            _ => {}
        }
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}

fn parse(source: &str) -> Result<Parser<'_>, OperationError> {
    if source.len() > SOURCE_MAX {
        return Err(OperationError::NoValue(format!(
            "Markdown is limited to {SOURCE_MAX} bytes; this has {}",
            source.len()
        )));
    }
    Ok(Parser::new_ext(source, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH))
}

/// The URL, or an empty one if a browser could do more with it than navigate.
fn harmless(url: CowStr<'_>) -> CowStr<'_> {
    let relative = !url.split(['/', '?', '#']).next().unwrap_or_default().contains(':');
    let known =
        SCHEMES.iter().any(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    // Browsers ignore tabs and line breaks in `java\nscript:`.
    let plain = !url.chars().any(char::is_control);
    if plain && (relative || known) { url } else { CowStr::Borrowed("") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::inputs::Writer;

    fn html(source: &str) -> String {
        let mut writer = Writer::default();
        write_html(source, &mut writer).unwrap();
        writer.finish().as_str().unwrap().to_owned()
    }

    #[test]
    fn html_is_safe() {
        for (source, expected) in [
            (
                "# Hi\n\n*you* **there** ~~no~~",
                "<h1>Hi</h1>\n<p><em>you</em> <strong>there</strong> <del>no</del></p>\n",
            ),
            ("a <b onclick=x>c</b>", "<p>a &lt;b onclick=x&gt;c&lt;/b&gt;</p>\n"),
            ("<script>alert(1)</script>\n", "&lt;script&gt;alert(1)&lt;/script&gt;\n"),
            ("[a](https://x.example/?a=1&b)", "<p><a href=\"https://x.example/?a=1&amp;b\">a</a></p>\n"),
            ("[a](/orders/1)", "<p><a href=\"/orders/1\">a</a></p>\n"),
            ("[a](javascript:alert(1))", "<p><a href=\"\">a</a></p>\n"),
            ("[a](JaVaScRiPt&#10;:alert(1))", "<p><a href=\"\">a</a></p>\n"),
            ("[a](java&Tab;script&colon;alert(1))", "<p><a href=\"\">a</a></p>\n"),
            ("![a](data:text/html,x)", "<p><img src=\"\" alt=\"a\" /></p>\n"),
            ("<javascript:alert(1)>", "<p><a href=\"\">javascript:alert(1)</a></p>\n"),
        ] {
            assert_eq!(html(source), expected, "{source}");
        }
    }

    #[test]
    fn markup_is_removed() {
        let source = "# Order *42*\n\n- one `x`\n- [two](http://x)\n\n> said\n> so\n\n|a|b|\n|-|-|\n|1|2|\n\n<b>c</b>";
        assert_eq!(plain_text(source).unwrap(), "Order 42\none x\ntwo\nsaid\nso\na b 1 2 \nc");
        assert!(plain_text(&"x".repeat(SOURCE_MAX + 1)).is_err());
    }
}
