package org.tinyaudiossl.demo.drawing

/** What a scene is drawn on: Android's canvas, or an image on a computer. Colours are 0xAARRGGBB. */
interface Surface {
    val width: Float
    val height: Float

    /** Pixels of one dp, and of one sp, which grows with the user's text size. */
    val dp: Float
    val sp: Float

    fun rectangle(left: Float, top: Float, right: Float, bottom: Float, color: Int, radius: Float = 0f)

    /** [y] is the baseline. */
    fun text(text: String, x: Float, y: Float, size: Float, color: Int, bold: Boolean = false)

    fun textWidth(text: String, size: Float, bold: Boolean = false): Float
}

/** The size at which a text fits into [width], at most [size]. */
internal fun fitting(on: Surface, text: String, size: Float, width: Float, bold: Boolean = false): Float {
    val wanted = on.textWidth(text, size, bold)
    return if (wanted <= width) size else size * width / wanted
}
