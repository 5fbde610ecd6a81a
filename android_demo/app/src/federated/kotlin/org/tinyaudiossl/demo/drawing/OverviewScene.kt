package org.tinyaudiossl.demo.drawing

/** A limit of the day: [share] of it is spent, 0..1. */
class Bar(val label: String, val share: Float)

/** A phone's part in a federation at one moment; texts in the user's language. */
class Overview(val title: String, val isOn: Boolean, val bars: List<Bar>)

/** A card with a dot that says whether this phone takes part, and a bar for each limit of the day. */
class OverviewScene(private val palette: Palette) {

    fun height(on: Surface, bars: Int): Float = 2 * PAD * on.dp + TITLE * on.sp + bars * barHeight(on)

    fun draw(on: Surface, overview: Overview) {
        val (pad, gap) = PAD * on.dp to 10 * on.dp
        on.rectangle(0f, 0f, on.width, on.height, palette.card, 12 * on.dp)
        val baseline = pad + 0.8f * TITLE * on.sp
        val dot = 6 * on.dp
        val middle = baseline - 0.35f * TITLE * on.sp
        val color = if (overview.isOn) palette.accent else palette.faint
        on.rectangle(pad, middle - dot, pad + 2 * dot, middle + dot, color, dot)
        val left = pad + 2 * dot + gap
        val size = fitting(on, overview.title, TITLE * on.sp, on.width - left - pad, bold = true)
        on.text(overview.title, left, baseline, size, palette.text, bold = true)
        var top = pad + TITLE * on.sp
        for (bar in overview.bars) {
            bar(on, bar, top)
            top += barHeight(on)
        }
    }

    private fun bar(on: Surface, bar: Bar, top: Float) {
        val (left, right) = PAD * on.dp to on.width - PAD * on.dp
        val size = fitting(on, bar.label, LABEL * on.sp, right - left)
        val baseline = top + GAP * on.dp + LABEL * on.sp
        on.text(bar.label, left, baseline, size, palette.faint)
        val (upper, lower) = baseline + 6 * on.dp to baseline + (6 + THICK) * on.dp
        val radius = (lower - upper) / 2
        on.rectangle(left, upper, right, lower, palette.track, radius)
        if (bar.share <= 0) return
        val end = left + maxOf(lower - upper, minOf(bar.share, 1f) * (right - left))
        on.rectangle(left, upper, end, lower, if (bar.share < 1) palette.accent else palette.unknown, radius)
    }

    private fun barHeight(on: Surface) = LABEL * on.sp + (GAP + 6 + THICK) * on.dp

    private companion object {
        const val PAD = 16
        const val TITLE = 20
        const val LABEL = 14
        const val GAP = 12
        const val THICK = 8
    }
}
