package org.tinyaudiossl.demo.drawing

import org.w3c.dom.Element

/**
 * A whole layout as a picture: what the app draws itself is its own drawing, the framework's widgets
 * are plain stand-ins of the same size, in their order and with their texts.
 */
class Screen(private val resources: Resources, layout: String, private val palette: Palette, private val background: Int) {
    private val column = resources.layout(layout).children().single()

    /** Draws on [on]; how high it would like to be: more than [on] where the app scrolls. */
    fun draw(on: Surface, shown: Shown): Float {
        on.rectangle(0f, 0f, on.width, on.height, background)
        val views = views(column, shown) + shown.rows.map { Card(it, shown) }
        return stack(on, column.dp("padding"), views)
    }

    private fun views(of: Element, shown: Shown): List<Widget> = of.children().flatMap { child ->
        if (child.tagName != "include") return@flatMap listOf(view(child, shown))
        views(resources.layout(child.getAttribute("layout").removePrefix("@layout/")), shown)
    }

    /** Views below one another; the height that they want. */
    private fun stack(on: Surface, padDp: Float, views: List<Widget>): Float {
        val pad = padDp * on.dp
        val width = on.width - 2 * pad
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
        val name = of.tagName.substringAfterLast('.')
        shown.drawings[name]?.let { return Drawn(it) }
        return when {
            name.endsWith("Button") -> ButtonLike(text)
            name == "Switch" -> (of.id() in shown.on).let { isOn ->
                Text(text, of.size(), of.dp("minHeight"), asideDp = 56f, extra = { switch(it, isOn) })
            }
            name == "SeekBar" -> shown.sliders.getValue(of.id()).let { at ->
                Drawn(Drawing({ of.dp("layout_height") * it.dp }) { slider(it, at) })
            }
            name == "TextView" ->
                Text(text, of.size(), of.dp("minHeight"), of.dp("paddingTop"), of.dp("paddingBottom"), bold = of.isBold())
            else -> error("a $name is not drawn here")
        }
    }

    private fun Element.size(): Float = when (attribute("textAppearance").substringAfterLast('.')) {
        "Caption" -> CAPTION
        "Subhead" -> SUBHEAD
        else -> BODY
    }

    private fun Element.isBold() = attribute("textAppearance").endsWith("Body2")

    private abstract class Widget(val grows: Boolean = false) {
        abstract fun height(on: Surface, width: Float): Float
        abstract fun draw(on: Surface)
    }

    private class Drawn(val drawing: Drawing) : Widget(drawing.grows) {
        override fun height(on: Surface, width: Float) = drawing.height(on)
        override fun draw(on: Surface) = drawing.draw(on)
    }

    /** A row that the code adds. */
    private inner class Card(texts: Map<String, String>, shown: Shown) : Widget() {
        private val row = resources.layout("history_row")
        private val views = views(row, Shown(shown.strings, texts))
        private val pad = row.dp("padding")
        private val margin = row.dp("layout_marginBottom")

        override fun height(on: Surface, width: Float) =
            views.map { it.height(on, width - 2 * pad * on.dp) }.sum() + (2 * pad + margin) * on.dp

        override fun draw(on: Surface) {
            on.rectangle(0f, 0f, on.width, on.height - margin * on.dp, palette.card, 12 * on.dp)
            stack(on, pad, views)
        }
    }

    private inner class Text(
        val text: String,
        val sizeSp: Float,
        val leastDp: Float,
        val aboveDp: Float = 0f,
        val belowDp: Float = 0f,
        val asideDp: Float = 0f, // at the right end, for what is drawn there
        val bold: Boolean = false,
        val extra: (Surface) -> Unit = {},
    ) : Widget() {
        override fun height(on: Surface, width: Float) =
            maxOf(leastDp * on.dp, block(on, lines(on, width), sizeSp) + (aboveDp + belowDp) * on.dp)

        override fun draw(on: Surface) {
            centered(on, lines(on, on.width), sizeSp, bold, down = (aboveDp - belowDp) / 2 * on.dp) { 0f }
            extra(on)
        }

        private fun lines(on: Surface, width: Float) = wrapped(on, text, sizeSp, width - asideDp * on.dp, bold)
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

    private fun switch(on: Surface, isOn: Boolean) {
        val (left, y) = on.width - 44 * on.dp to on.height / 2
        val thumb = if (isOn) left + 18 * on.dp else left
        on.rectangle(left, y - 7 * on.dp, left + 36 * on.dp, y + 7 * on.dp, palette.track, 7 * on.dp)
        val color = if (isOn) palette.accent else palette.faint
        on.rectangle(thumb, y - 10 * on.dp, thumb + 20 * on.dp, y + 10 * on.dp, color, 10 * on.dp)
    }

    private fun centered(
        on: Surface, lines: List<String>, sizeSp: Float, bold: Boolean = false, down: Float = 0f, left: (Float) -> Float,
    ) {
        val size = sizeSp * on.sp
        val top = (on.height - block(on, lines, sizeSp)) / 2 + down
        lines.forEachIndexed { i, line ->
            val x = left(on.textWidth(line, size, bold))
            on.text(line, x, top + (i * LEADING + 1) * size, size, palette.text, bold)
        }
    }

    private fun block(on: Surface, lines: List<String>, sizeSp: Float) = lines.size * LEADING * sizeSp * on.sp

    private fun wrapped(on: Surface, text: String, sizeSp: Float, width: Float, bold: Boolean = false) =
        text.split("\n").flatMap { line -> wrappedLine(on, line, sizeSp * on.sp, width, bold) }

    private fun wrappedLine(on: Surface, text: String, size: Float, width: Float, bold: Boolean) =
        text.split(" ").flatMap { broken(on, it, size, width, bold) }.fold(listOf<String>()) { lines, word ->
            val longer = lines.lastOrNull()?.plus(" $word")
            val fits = longer != null && on.textWidth(longer, size, bold) <= width
            if (fits) lines.dropLast(1) + longer else lines + word
        }

    /** A word that is wider than its view, such as a key, goes on in the next line. */
    private fun broken(on: Surface, word: String, size: Float, width: Float, bold: Boolean): List<String> {
        if (word.length <= LONGEST_WORD) return listOf(word)
        return generateSequence(word to "") { (rest, _) ->
            val count = (1..rest.length).lastOrNull { on.textWidth(rest.take(it), size, bold) <= width }
            count?.let { rest.drop(it) to rest.take(it) }
        }.map { it.second }.drop(1).toList()
    }

    private companion object {
        const val BODY = 14f
        const val SUBHEAD = 16f
        const val LONGEST_WORD = 30 // of a language; a longer one may be broken anywhere
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
