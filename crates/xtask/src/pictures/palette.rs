//! A picture of a page in few colours: pages have few, and the repository stays small.

use std::collections::BTreeMap;
use std::iter;

use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Transformations};

use crate::failure::Failure;

/// More are hardly seen: what is left out are steps between a letter and its ground.
const COLOURS: usize = 32;

type Colour = [u8; 3];

/// The same picture with a palette.
pub(crate) fn reduce(picture: &[u8]) -> Result<Vec<u8>, Failure> {
    let unreadable =
        |error: &dyn std::fmt::Display| Failure::new(format!("a picture of Chromium's: {error}"));
    let mut decoder = Decoder::new(std::io::Cursor::new(picture));
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| unreadable(&error))?;
    let size = reader.output_buffer_size().ok_or_else(|| Failure::new("a picture is too large"))?;
    let mut pixels = vec![0; size];
    let frame = reader.next_frame(&mut pixels).map_err(|error| unreadable(&error))?;
    if frame.color_type != ColorType::Rgb {
        return Err(Failure::new("a picture of Chromium's is not RGB"));
    }
    let (colours, _) = pixels[..frame.buffer_size()].as_chunks::<3>();
    let (palette, index) = palette(colours);
    let indexed: Vec<u8> = runs(colours).flat_map(|run| iter::repeat_n(index[&run[0]], run.len())).collect();
    encode(frame.width, frame.height, &palette, &indexed).map_err(|error| unreadable(&error))
}

/// The colours that are used most, and for each colour the nearest of them.
fn palette(pixels: &[Colour]) -> (Vec<Colour>, BTreeMap<Colour, u8>) {
    let mut counts: BTreeMap<Colour, usize> = BTreeMap::new();
    for run in runs(pixels) {
        *counts.entry(run[0]).or_default() += run.len();
    }
    let mut ranked: Vec<(usize, Colour)> = counts.iter().map(|(colour, count)| (*count, *colour)).collect();
    // By colour where the counts are equal: the same picture has the same palette.
    ranked.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    let palette: Vec<Colour> = ranked.iter().take(COLOURS).map(|(_, colour)| *colour).collect();
    let nearest = |colour: &Colour| (0_u8..).zip(&palette).min_by_key(|(_, kept)| distance(colour, kept));
    let index = counts.keys().filter_map(|colour| Some((*colour, nearest(colour)?.0))).collect();
    (palette, index)
}

/// Neighbours of one colour, together: pages are mostly ground.
fn runs(pixels: &[Colour]) -> impl Iterator<Item = &[Colour]> {
    pixels.chunk_by(|one, other| one == other)
}

fn distance(one: &Colour, other: &Colour) -> u32 {
    one.iter().zip(other).map(|(one, other)| u32::from(one.abs_diff(*other)).pow(2)).sum()
}

fn encode(
    width: u32,
    height: u32,
    palette: &[Colour],
    indexed: &[u8],
) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(palette.concat());
    encoder.set_compression(Compression::High);
    // Neighbouring numbers of a palette have nothing to do with each other.
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(indexed)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_seen_most_and_its_neighbours_near() {
        let mut pixels = vec![[0, 0, 0]; 1000];
        pixels.extend((0..COLOURS).flat_map(|at| [[200, u8::try_from(at).unwrap(), 200]; 2]));
        pixels.push([1, 1, 1]);
        let (palette, index) = palette(&pixels);
        assert_eq!(palette.len(), COLOURS);
        assert_eq!(palette[0], [0, 0, 0]);
        assert_eq!(index[&[1, 1, 1]], 0, "a colour that has no place is its nearest");
    }

    #[test]
    fn a_picture_stays_what_it_shows() {
        let shown = encode(2, 1, &[[10, 20, 30], [250, 240, 230]], &[1, 0]).unwrap();
        let reduced = reduce(&shown).unwrap();
        let mut reader = Decoder::new(std::io::Cursor::new(&reduced));
        reader.set_transformations(Transformations::EXPAND);
        let mut reader = reader.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(&pixels[..frame.buffer_size()], [250, 240, 230, 10, 20, 30]);
    }
}
