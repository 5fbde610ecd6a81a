package org.tinyaudiossl.demo.drawing

import java.io.File
import org.w3c.dom.Element

/** The screen's texts and settings at one moment; [texts] are those of views whose text the code sets. */
class Shown(
    val live: Live,
    val strings: Map<String, String>,
    val texts: Map<String, String>,
    val threshold: Float,
)

/**
 * The whole of `main.xml` as a picture: what [LiveScene] draws is the app's own drawing, the
 * framework's widgets are plain stand-ins of the same size, in their order and with their texts.
 */
class Screen(layout: File, private val palette: Palette, private val background: Int) {
    private val column = layout.xml().children().single()

    /** Draws on [on]; how high it would like to be: more than [on] where the app scrolls. */
    fun draw(on: Surface, shown: Shown): Float {
        on.rectangle(0f, 0f, on.width, on.height, background)
        val pad = column.dp("padding") * on.dp
        val width = on.width - 2 * pad
        val views = column.children().map { view(it, shown) }
        val fixed = views.map { it.height(on, width) }
        val spare = maxOf(0f, on.height - 2 * pad - fixed.sum())
        var top = pad
        for ((view, least) in views.zip(fixed)) {
            val height = if (view.grows) least + spare else least
            view.draw(Part(on, pad, top, width, height))
            top += height
        }
        return top + pad
    }

    private fun view(of: Element, shown: Shown): Widget {
        val text = shown.texts[of.id()] ?: shown.strings[of.attribute("text").removePrefix("@string/")].orEmpty()
        return when (of.tagName.substringAfterLast('.')) {
            "LiveView" -> Drawn(of.dp("minHeight")) { LiveScene(palette).draw(it, shown.live) }
            "Button" -> ButtonLike(text)
            "Switch" -> Text(text, BODY, of.dp("minHeight"), asideDp = 56f, extra = ::switch)
            "SeekBar" -> (100 * shown.threshold / of.attribute("max").toFloat()).let { at ->
                Drawn(of.dp("layout_height"), grows = false) { slider(it, at) }
            }
            "TextView" -> {
                val size = if (of.attribute("textAppearance").endsWith("Caption")) CAPTION else BODY
                Text(text, size, of.dp("minHeight"), of.dp("paddingTop") + of.dp("paddingBottom"))
            }
            else -> error("main.xml has a ${of.tagName}, which is not drawn here")
        }
    }

    private abstract class Widget(val grows: Boolean = false) {
        abstract fun height(on: Surface, width: Float): Float
        abstract fun draw(on: Surface)
    }

    private class Drawn(val leastDp: Float, grows: Boolean = true, val body: (Surface) -> Unit) : Widget(grows) {
        override fun height(on: Surface, width: Float) = leastDp * on.dp
        override fun draw(on: Surface) = body(on)
    }

    private inner class Text(
        val text: String,
        val sizeSp: Float,
        val leastDp: Float,
        val padDp: Float = 0f, // above and below together
        val asideDp: Float = 0f, // at the right end, for what is drawn there
        val extra: (Surface) -> Unit = {},
    ) : Widget() {
        override fun height(on: Surface, width: Float) =
            maxOf(leastDp * on.dp, block(on, lines(on, width), sizeSp) + padDp * on.dp)

        override fun draw(on: Surface) {
            centered(on, lines(on, on.width), sizeSp) { 0f }
            extra(on)
        }

        private fun lines(on: Surface, width: Float) = wrapped(on, text, sizeSp, width - asideDp * on.dp)
    }

    private inner class ButtonLike(val text: String) : Widget() {
        override fun height(on: Surface, width: Float) =
            maxOf(48 * on.dp, block(on, lines(on, width), BODY) + 2 * INSET * on.dp)

        override fun draw(on: Surface) {
            val edge = 4 * on.dp
            on.rectangle(edge, 1.5f * edge, on.width - edge, on.height - 1.5f * edge, palette.track, 3 * on.dp)
            centered(on, lines(on, on.width), BODY, bold = true) { (on.width - it) / 2 }
        }

        private fun lines(on: Surface, width: Float) =
            wrapped(on, text, BODY, width - 2 * INSET * on.dp, bold = true)
    }

    private fun slider(on: Surface, at: Float) {
        val (left, right, y) = Triple(16 * on.dp, on.width - 16 * on.dp, on.height / 2)
        val x = left + at * (right - left)
        on.rectangle(left, y - on.dp, right, y + on.dp, palette.faint)
        on.rectangle(left, y - on.dp, x, y + on.dp, palette.accent)
        on.rectangle(x - 6 * on.dp, y - 6 * on.dp, x + 6 * on.dp, y + 6 * on.dp, palette.accent, 6 * on.dp)
    }

    private fun switch(on: Surface) {
        val (left, y) = on.width - 44 * on.dp to on.height / 2
        on.rectangle(left, y - 7 * on.dp, left + 36 * on.dp, y + 7 * on.dp, palette.track, 7 * on.dp)
        on.rectangle(left, y - 10 * on.dp, left + 20 * on.dp, y + 10 * on.dp, palette.faint, 10 * on.dp)
    }

    private fun centered(
        on: Surface, lines: List<String>, sizeSp: Float, bold: Boolean = false, left: (Float) -> Float,
    ) {
        val size = sizeSp * on.sp
        val top = (on.height - block(on, lines, sizeSp)) / 2
        lines.forEachIndexed { i, line ->
            val x = left(on.textWidth(line, size, bold))
            on.text(line, x, top + (i * LEADING + 1) * size, size, palette.text, bold)
        }
    }

    private fun block(on: Surface, lines: List<String>, sizeSp: Float) = lines.size * LEADING * sizeSp * on.sp

    private fun wrapped(on: Surface, text: String, sizeSp: Float, width: Float, bold: Boolean = false) =
        text.split(" ").fold(listOf<String>()) { lines, word ->
            val longer = lines.lastOrNull()?.plus(" $word")
            val fits = longer != null && on.textWidth(longer, sizeSp * on.sp, bold) <= width
            if (fits) lines.dropLast(1) + longer else lines + word
        }

    private companion object {
        const val BODY = 14f
        const val CAPTION = 12f
        const val LEADING = 1.3f
        const val INSET = 12f // of a button's text
    }
}

/** A part of a surface, with a corner of its own. */
private class Part(
    private val on: Surface,
    private val left: Float,
    private val top: Float,
    override val width: Float,
    override val height: Float,
) : Surface by on {
    override fun rectangle(left: Float, top: Float, right: Float, bottom: Float, color: Int, radius: Float) =
        on.rectangle(this.left + left, this.top + top, this.left + right, this.top + bottom, color, radius)

    override fun text(text: String, x: Float, y: Float, size: Float, color: Int, bold: Boolean) =
        on.text(text, left + x, top + y, size, color, bold)
}
