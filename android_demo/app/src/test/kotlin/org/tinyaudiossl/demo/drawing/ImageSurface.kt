package org.tinyaudiossl.demo.drawing

import java.awt.Color
import java.awt.Font
import java.awt.RenderingHints
import java.awt.geom.RoundRectangle2D
import java.awt.image.BufferedImage

/** A scene as an image: [widthDp] by [heightDp], its texts [fontScale] times as large as usual. */
class ImageSurface(widthDp: Int, heightDp: Int, override val dp: Float = 2f, fontScale: Float = 1f) : Surface {
    val image = BufferedImage((widthDp * dp).toInt(), (heightDp * dp).toInt(), BufferedImage.TYPE_INT_RGB)

    /** The right end of all texts, and the upper one. */
    var furthest = 0f
        private set
    var highest = Float.MAX_VALUE
        private set

    private val graphics = image.createGraphics().apply {
        setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON)
        setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON)
    }

    override val width = image.width.toFloat()
    override val height = image.height.toFloat()
    override val sp = dp * fontScale

    fun fill(color: Int) = rectangle(0f, 0f, width, height, color)

    override fun rectangle(left: Float, top: Float, right: Float, bottom: Float, color: Int, radius: Float) {
        graphics.color = Color(color)
        graphics.fill(RoundRectangle2D.Float(left, top, right - left, bottom - top, 2 * radius, 2 * radius))
    }

    override fun text(text: String, x: Float, y: Float, size: Float, color: Int, bold: Boolean) {
        furthest = maxOf(furthest, x + textWidth(text, size, bold))
        highest = minOf(highest, y - CAPITALS * size)
        graphics.color = Color(color)
        graphics.font = font(size, bold)
        graphics.drawString(text, x, y)
    }

    override fun textWidth(text: String, size: Float, bold: Boolean): Float =
        font(size, bold).getStringBounds(text, graphics.fontRenderContext).width.toFloat()

    private fun font(size: Float, bold: Boolean) =
        Font(Font.SANS_SERIF, if (bold) Font.BOLD else Font.PLAIN, 1).deriveFont(size)

    private companion object {
        const val CAPITALS = 0.75f // their height
    }
}
