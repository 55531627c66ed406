//! Token trees and their packing into one forward pass.
//!
//! A tree holds texts that begin alike: each token sees the tokens on its way to the root and nothing else, and its
//! position is its depth. A plain sequence is a tree without branches. Several trees make a batch. Their tokens lie
//! packed, one after the other, so that everything but attention itself does no work on padding; for attention they
//! are laid out as `[B,L]`, padded on the left.

use lapidary_sdk::prelude::*;

/// Tokens of which each follows another one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    tokens: Vec<i64>,
    parents: Vec<Option<usize>>,
    depths: Vec<i64>,
}

impl Tree {
    /// A tree without branches.
    pub fn chain(tokens: &[i64]) -> Self {
        let mut tree = Self::default();
        tokens
            .iter()
            .fold(None, |last, &token| Some(tree.push(last, token)));
        tree
    }

    /// Adds a token after `parent`, or at the root, and returns its place.
    pub fn push(&mut self, parent: Option<usize>, token: i64) -> usize {
        let depth = parent.and_then(|p| self.depths.get(p)).map_or(0, |d| d + 1);
        self.tokens.push(token);
        self.parents.push(parent);
        self.depths.push(depth);
        self.tokens.len() - 1
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether it has no token.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    fn is_chain(&self) -> bool {
        self.depths.iter().zip(0..).all(|(&depth, i)| depth == i)
    }

    /// The places that the token at `place` sees, itself first.
    fn seen_from(&self, place: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(place), |&p| self.parents.get(p).copied().flatten())
    }
}

/// What a batch sees besides itself: slots of keys and values that were computed before.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// Number P of slots.
    pub slots: usize,
    /// For each row the slots that it does not see, counted from the left. Empty: every row sees all.
    pub hidden: Vec<usize>,
}

/// A batch of trees, ready for a forward pass.
#[derive(Debug)]
pub struct Batch {
    /// Tokens i64 `[N]`, packed.
    pub tokens: Tensor,
    /// Positions i64 `[N]`.
    pub positions: Tensor,
    /// How the packed tokens are laid out for attention.
    pub layout: Layout,
    /// The largest position.
    last: i64,
    /// What was computed before.
    before: Before,
}

/// Layout `[B,L]` of N packed tokens, and who sees whom.
#[derive(Debug)]
pub struct Layout {
    /// Rows B.
    pub rows: i64,
    /// Width L.
    pub width: i64,
    /// Places i64 `[B*L]` in the packed tokens, and back `[N]`; none where nothing is padded.
    places: Option<(Tensor, Tensor)>,
    /// 0 where a query sees a key and −∞ where not, `[B,1,L,P+L]`; none where `causal` or everything says it all.
    pub mask: Option<Tensor>,
    /// Each token sees itself and all before it.
    pub causal: bool,
}

impl Batch {
    /// Packs trees; `kind` is the type of the mask.
    ///
    /// # Errors
    /// When there is no token, or libtorch refuses.
    pub fn new(trees: &[&Tree], before: &Before, kind: DType, device: Device) -> Result<Self> {
        let width = trees.iter().map(|t| t.len()).max().unwrap_or(0);
        if trees.iter().any(|t| t.is_empty()) || width == 0 {
            return Err(Error::invalid(
                "a forward pass needs at least one token in each row",
            ));
        }
        let hidden = |row: usize| before.hidden.get(row).copied().unwrap_or(0);
        let tokens: Vec<i64> = trees
            .iter()
            .flat_map(|t| t.tokens.iter().copied())
            .collect();
        let mut positions = Vec::with_capacity(tokens.len());
        for (row, tree) in trees.iter().enumerate() {
            let start = before.slots.saturating_sub(hidden(row)) as i64;
            positions.extend(tree.depths.iter().map(|d| start + d));
        }
        let full = trees.iter().all(|t| t.len() == width);
        let sees_all = before.hidden.iter().all(|&h| h == 0);
        let last = positions.iter().copied().max().unwrap_or(0);
        let causal = full && before.slots == 0 && trees.iter().all(|t| t.is_chain());
        let mask = match (causal, full && width == 1 && sees_all) {
            (false, false) => {
                let mask = visibility(trees, width, before.slots, hidden);
                let shape = [
                    trees.len() as i64,
                    1,
                    width as i64,
                    (before.slots + width) as i64,
                ];
                Some(
                    Tensor::f_from_slice(&mask)?
                        .f_view(shape)?
                        .f_to_device(device)?
                        .f_to_kind(kind)?,
                )
            }
            _ => None,
        };
        let to_device =
            |values: &[i64]| Ok::<_, Error>(Tensor::f_from_slice(values)?.f_to_device(device)?);
        let places = match full {
            true => None,
            false => {
                let (out, back) = padding(trees, width);
                Some((to_device(&out)?, to_device(&back)?))
            }
        };
        let (rows, width) = (trees.len() as i64, width as i64);
        Ok(Self {
            tokens: to_device(&tokens)?,
            positions: to_device(&positions)?,
            layout: Layout {
                rows,
                width,
                places,
                mask,
                causal,
            },
            last,
            before: before.clone(),
        })
    }

    /// The layout of a layer whose tokens see the last `window` tokens alone, themselves among them; `kind` is the type of
    /// the mask.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn windowed(&self, window: i64, kind: DType) -> Result<Layout> {
        let layout = &self.layout;
        let same = Layout {
            rows: layout.rows,
            width: layout.width,
            places: layout
                .places
                .as_ref()
                .map(|(out, back)| (out.shallow_clone(), back.shallow_clone())),
            mask: layout.mask.as_ref().map(Tensor::shallow_clone),
            causal: layout.causal,
        };
        if self.last < window {
            return Ok(same);
        }
        let (keys, queries) = self.places_in_text()?;
        let far = keys.f_le_tensor(&queries.f_sub_scalar(window)?)?;
        let mask = match same.mask {
            Some(mask) => mask,
            None => {
                let size = [layout.rows, 1, layout.width, keys.size4()?.3];
                let all = Tensor::f_zeros(size, (kind, keys.device()))?;
                all.f_masked_fill(&keys.f_gt_tensor(&queries)?, f64::NEG_INFINITY)?
            }
        };
        Ok(Layout {
            mask: Some(mask.f_masked_fill(&far, f64::NEG_INFINITY)?),
            causal: false,
            ..same
        })
    }

    /// Positions of keys i64 `[B,1,1,P+L]` and of queries i64 `[B,1,L,1]`.
    fn places_in_text(&self) -> Result<(Tensor, Tensor)> {
        let queries = self.layout.spread(&self.positions.f_view([-1, 1, 1])?)?;
        let own = queries.f_transpose(2, 3)?;
        let rows = 0..self.layout.rows as usize;
        let hidden = |row| self.before.hidden.get(row).copied().unwrap_or(0) as i64;
        let hidden: Vec<i64> = rows.map(hidden).collect();
        let hidden = Tensor::f_from_slice(&hidden)?.f_to_device(own.device())?;
        let slots = Tensor::f_arange(self.before.slots as i64, (DType::Int64, own.device()))?;
        let past = slots.f_sub(&hidden.f_view([-1, 1, 1, 1])?)?;
        Ok((Tensor::f_cat(&[past, own], 3)?, queries))
    }
}

impl Layout {
    /// `[N,h,e]` packed to `[B,h,L,e]`.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn spread(&self, packed: &Tensor) -> Result<Tensor> {
        let padded = match &self.places {
            Some((out, _)) => packed.f_index_select(0, out)?,
            None => packed.shallow_clone(),
        };
        let size = packed.size();
        let tail = size.get(1..).unwrap_or_default();
        let shape = [&[self.rows, self.width], tail].concat();
        Ok(padded.f_view(shape.as_slice())?.f_transpose(1, 2)?)
    }

    /// `[B,h,L,e]` back to packed `[N,h*e]`.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn pack(&self, spread: &Tensor) -> Result<Tensor> {
        let flat = spread
            .f_transpose(1, 2)?
            .f_reshape([self.rows * self.width, -1])?;
        match &self.places {
            Some((_, back)) => Ok(flat.f_index_select(0, back)?),
            None => Ok(flat),
        }
    }
}

/// Where each padded place finds its token, and each token its padded place. Padding takes the row's first token.
fn padding(trees: &[&Tree], width: usize) -> (Vec<i64>, Vec<i64>) {
    let (mut out, mut back) = (Vec::with_capacity(trees.len() * width), Vec::new());
    let mut start = 0;
    for (row, tree) in trees.iter().enumerate() {
        let empty = width - tree.len();
        out.extend((0..width).map(|i| (start + i.saturating_sub(empty)) as i64));
        back.extend((0..tree.len()).map(|i| (row * width + empty + i) as i64));
        start += tree.len();
    }
    (out, back)
}

/// The additive mask `[B,L,P+L]`. Padding sees itself, so that its softmax stays finite.
fn visibility(
    trees: &[&Tree],
    width: usize,
    slots: usize,
    hidden: impl Fn(usize) -> usize,
) -> Vec<f32> {
    let keys = slots + width;
    let mut mask = vec![f32::NEG_INFINITY; trees.len() * width * keys];
    for (row, (tree, rows)) in trees
        .iter()
        .zip(mask.chunks_exact_mut(width * keys))
        .enumerate()
    {
        let empty = width - tree.len();
        for (place, keys) in rows.chunks_exact_mut(keys).enumerate() {
            let (past, own) = keys.split_at_mut(slots);
            if place < empty {
                own[place] = 0.0;
                continue;
            }
            past.iter_mut().skip(hidden(row)).for_each(|x| *x = 0.0);
            tree.seen_from(place - empty)
                .for_each(|seen| own[empty + seen] = 0.0);
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn batch(trees: &[&Tree], before: &Before) -> Batch {
        Batch::new(trees, before, DType::Float, Device::Cpu).unwrap()
    }

    #[test]
    fn branches_see_their_way_to_the_root_alone() {
        let mut tree = Tree::chain(&[5, 6]);
        let left = tree.push(Some(1), 7);
        tree.push(Some(left), 8);
        tree.push(Some(1), 9);
        let batch = batch(&[&tree], &Before::default());
        assert_eq!(
            Vec::<i64>::try_from(&batch.positions).unwrap(),
            [0, 1, 2, 3, 2]
        );
        let mask = batch
            .layout
            .mask
            .unwrap()
            .view([5, 5])
            .exp()
            .to_kind(DType::Int64);
        let expected = [
            [1, 0, 0, 0, 0],
            [1, 1, 0, 0, 0],
            [1, 1, 1, 0, 0],
            [1, 1, 1, 1, 0],
            [1, 1, 0, 0, 1],
        ];
        assert_eq!(Vec::<Vec<i64>>::try_from(mask).unwrap(), expected);
    }

    #[test]
    fn equal_chains_need_neither_padding_nor_mask() {
        let (a, b) = (Tree::chain(&[1, 2]), Tree::chain(&[3, 4]));
        let layout = batch(&[&a, &b], &Before::default()).layout;
        assert!(layout.causal && layout.mask.is_none() && layout.places.is_none());
    }

    #[test]
    fn packing_undoes_spreading() {
        let (a, b) = (Tree::chain(&[1, 2, 3]), Tree::chain(&[4]));
        let layout = batch(&[&a, &b], &Before::default()).layout;
        let packed = Tensor::arange(4 * 2 * 3, (DType::Float, Device::Cpu)).view([4, 2, 3]);
        let spread = layout.spread(&packed).unwrap();
        assert_eq!(spread.size(), [2, 2, 3, 3]);
        assert_eq!(layout.pack(&spread).unwrap(), packed.view([4, 6]));
    }

    #[test]
    fn hidden_slots_count_for_positions_and_mask() {
        let (a, b) = (Tree::chain(&[1]), Tree::chain(&[2]));
        let batch = batch(
            &[&a, &b],
            &Before {
                slots: 3,
                hidden: vec![0, 2],
            },
        );
        assert_eq!(Vec::<i64>::try_from(&batch.positions).unwrap(), [3, 1]);
        let mask = batch
            .layout
            .mask
            .unwrap()
            .view([2, 4])
            .exp()
            .to_kind(DType::Int64);
        assert_eq!(
            Vec::<Vec<i64>>::try_from(mask).unwrap(),
            [[1, 1, 1, 1], [0, 0, 1, 1]]
        );
    }
}
