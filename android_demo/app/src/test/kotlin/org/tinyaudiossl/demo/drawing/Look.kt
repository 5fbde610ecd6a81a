package org.tinyaudiossl.demo.drawing

import java.awt.image.BufferedImage
import java.util.Locale
import kotlin.math.ceil

/** How a user has set the phone: the language, light or dark, the size of texts. */
class Look(
    val name: String,
    values: String,
    private val theme: String,
    val palette: Palette,
    private val fontScale: Float,
    private val resources: Resources,
) {
    val strings = resources.strings("values") + resources.strings(values)
    val locale: Locale = if (values == "values") Locale.ENGLISH else Locale(values.substringAfter('-'))

    fun text(name: String, vararg of: Any): String = strings.getValue(name).format(locale, *of)

    /** A screen as it is seen on most phones, or as high as it scrolls. */
    fun picture(layout: String, shown: Shown): BufferedImage {
        val screen = Screen(resources, layout, palette, resources.color(theme, "background"))
        fun draw(heightDp: Int) = ImageSurface(360, heightDp, fontScale = fontScale).let { it to screen.draw(it, shown) }
        val (surface, wanted) = draw(HEIGHT_DP)
        return if (wanted <= surface.height) surface.image else draw(ceil(wanted / surface.dp).toInt()).first.image
    }

    companion object {
        private const val HEIGHT_DP = 780 // without the bars

        /** Of pictures in the documents. */
        fun all(resources: Resources) = listOf(
            Look("en-light", "values", "values", Palette.LIGHT, 1f, resources),
            Look("de-dark", "values-de", "values-night", Palette.DARK, 1f, resources),
            Look("es-large", "values-es", "values", Palette.LIGHT, 1.6f, resources),
        )
    }
}
