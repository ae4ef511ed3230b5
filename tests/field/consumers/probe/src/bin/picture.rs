//! Draws a picture of a cycle as an image viewer does.
use std::sync::Arc;

use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{Group, Node, Options, Tree, fontdb::Database},
};

fn main() {
    let fonts = fonts();
    let has_fonts = !fonts.is_empty();
    let options = Options { fontdb: Arc::new(fonts), ..Options::default() };
    let svg = std::io::read_to_string(std::io::stdin()).expect("readable");
    let tree = Tree::from_str(&svg, &options).expect("an SVG picture");
    let size = tree.size().to_int_size();
    let mut picture = Pixmap::new(size.width(), size.height()).expect("a size above zero");
    resvg::render(&tree, Transform::default(), &mut picture.as_mut());

    // Premultiplied red, green, blue, alpha.
    let n_red = picture
        .data()
        .chunks_exact(4)
        .filter(|pixel| pixel[3] > 200 && pixel[0] > 150 && pixel[1] < 80 && pixel[2] < 80)
        .count();
    assert!(n_red > 200, "the arrow that closes the cycle is red: {n_red} pixels are");
    let mut labels = Vec::new();
    collect(tree.root(), &mut labels);
    let is_named = |name: &str| labels.iter().any(|label| label == name);
    assert!(!has_fonts || is_named("journal") && is_named("accounts"), "the classes are named: {labels:?}");
    let without = if has_fonts { "" } else { ", without text: no font is installed" };
    println!("svg: resvg draws it, {} by {}{without}", size.width(), size.height());
    if let Some(path) = std::env::args_os().nth(1) {
        picture.save_png(path).expect("writable");
    }
}

/// The fonts of the machine. It does not matter which of them is drawn.
fn fonts() -> Database {
    let mut fonts = Database::new();
    fonts.load_system_fonts();
    let any = fonts.faces().find_map(|face| face.families.first()).map(|(name, _)| name.clone());
    if let Some(any) = any {
        fonts.set_monospace_family(any.clone());
        fonts.set_sans_serif_family(any);
    }
    fonts
}

/// The text that was laid out with a font.
fn collect(group: &Group, labels: &mut Vec<String>) {
    for node in group.children() {
        match node {
            Node::Group(inner) => collect(inner, labels),
            Node::Text(text) => labels.extend(text.chunks().iter().map(|chunk| chunk.text().to_owned())),
            Node::Path(_) | Node::Image(_) => {}
        }
    }
}
