package org.tinyaudiossl.demo.drawing

/** What there is to see at one moment; texts in the user's language. */
class Live(
    val title: String,
    val detail: String,
    val distance: Float?, // of the nearest sound; null: nothing to compare with
    val limit: Float, // up to which it is known
    val levels: List<Float>,
    val columns: List<FloatArray>,
    val levelLabel: String,
    val embeddingLabel: String,
) {
    val known: Boolean get() = distance != null && distance <= limit

    /** 0..1 along the bar, in whose middle a sound becomes known; null: nothing to compare with. */
    val closeness: Float? get() = distance?.let { (1 - it / (2 * limit + 1e-6f)).coerceIn(0.02f, 1f) }
}

/** The nearest sound with its distance, the level, and the embedding, each scrolling to the left. */
class LiveScene(private val palette: Palette) {

    fun draw(on: Surface, live: Live) {
        val gap = 8 * on.dp
        val top = minOf(0.4f * on.height, 46 * on.dp + 46 * on.sp)
        val middle = top + gap + 20 * on.sp + 0.24f * (on.height - top - 2 * gap)
        match(on, live, 0f, top)
        levels(on, live, top + gap, middle)
        embedding(on, live, middle + gap, on.height)
    }

    private fun match(on: Surface, live: Live, top: Float, bottom: Float) {
        card(on, top, bottom)
        val pad = 16 * on.dp
        val bar = bottom - pad
        val color = if (live.distance == null || live.known) palette.text else palette.unknown
        val detailSize = fitting(on, live.detail, 14 * on.sp, on.width - 2 * pad)
        on.text(live.detail, pad, bar - 16 * on.dp, detailSize, palette.faint)
        val baseline = bar - 20 * on.dp - 1.3f * detailSize
        val size = minOf(28 * on.sp, baseline - top - 4 * on.dp) // large text must not grow out of the card
        val fitted = fitting(on, live.title, size, on.width - 2 * pad, bold = true)
        on.text(live.title, pad, baseline, fitted, color, bold = true)
        bar(on, live, pad, bar - 8 * on.dp, on.width - pad, bar)
    }

    private fun bar(on: Surface, live: Live, left: Float, top: Float, right: Float, bottom: Float) {
        val radius = (bottom - top) / 2
        on.rectangle(left, top, right, bottom, palette.track, radius)
        val closeness = live.closeness ?: return
        val end = left + (right - left) * closeness
        on.rectangle(left, top, end, bottom, if (live.known) palette.accent else palette.unknown, radius)
        val limit = (left + right) / 2
        on.rectangle(limit - on.dp, top - 4 * on.dp, limit + on.dp, bottom + 4 * on.dp, palette.text)
    }

    private fun levels(on: Surface, live: Live, top: Float, bottom: Float) {
        val area = labeled(on, live.levelLabel, top, bottom)
        val middle = (area.top + area.bottom) / 2
        val step = (area.right - area.left) / History.LENGTH
        live.levels.forEachIndexed { i, level ->
            val left = area.right - (live.levels.size - i) * step
            val half = maxOf(on.dp, level * (area.bottom - area.top) / 2)
            on.rectangle(left, middle - half, left + 0.7f * step, middle + half, palette.accent, 0.35f * step)
        }
    }

    private fun embedding(on: Surface, live: Live, top: Float, bottom: Float) {
        val area = labeled(on, live.embeddingLabel, top, bottom)
        val width = (area.right - area.left) / History.LENGTH
        live.columns.forEachIndexed { i, column ->
            val left = area.right - (live.columns.size - i) * width
            val height = (area.bottom - area.top) / column.size
            column.forEachIndexed { row, value ->
                val y = area.top + row * height
                // Half a pixel more, or the background shines through between the fields.
                on.rectangle(left, y, left + width + 0.5f, y + height + 0.5f, palette.diverging(value))
            }
        }
    }

    private class Area(val left: Float, val top: Float, val right: Float, val bottom: Float)

    private fun labeled(on: Surface, label: String, top: Float, bottom: Float): Area {
        card(on, top, bottom)
        val pad = 12 * on.dp
        val size = 12 * on.sp
        on.text(label, pad, top + 8 * on.dp + size, size, palette.faint)
        return Area(pad, top + 16 * on.dp + size, on.width - pad, bottom - pad)
    }

    private fun card(on: Surface, top: Float, bottom: Float) =
        on.rectangle(0f, top, on.width, bottom, palette.card, 12 * on.dp)
}
