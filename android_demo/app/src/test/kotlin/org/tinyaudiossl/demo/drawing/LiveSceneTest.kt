package org.tinyaudiossl.demo.drawing

import kotlin.math.pow
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue

class LiveSceneTest {
    private fun live(title: String, distance: Float? = 0.05f) = Live(
        title, "distance 0.05, limit 0.25", distance, 0.25f,
        List(History.LENGTH) { 1f }, List(History.LENGTH) { FloatArray(History.BINS) { 1f } }, "Level", "Embedding",
    )

    @Test
    fun `long names and large text stay on the screen`() {
        for (scale in listOf(0.85f, 1f, 2f)) {
            for (title in listOf("A sound with a very long name, forty long", "Dog")) {
                val surface = ImageSurface(320, 280, fontScale = scale)
                LiveScene(Palette.LIGHT).draw(surface, live(title))
                assertTrue(surface.furthest <= surface.width - 20, "$scale: $title ends at ${surface.furthest}")
                assertTrue(surface.highest > 0, "$scale: $title begins at ${surface.highest}")
            }
        }
    }

    @Test
    fun `the bar shows how near a sound is, and its color whether it is known`() {
        fun bar(distance: Float?): Int {
            val surface = ImageSurface(320, 300)
            val live = live("x", distance)
            LiveScene(Palette.LIGHT).draw(surface, live)
            return (0 until surface.image.height).maxOf { y ->
                (0 until surface.image.width).count {
                    (surface.image.getRGB(it, y) == (if (live.known) Palette.LIGHT.accent else Palette.LIGHT.unknown)) &&
                        y < surface.image.height / 3
                }
            }
        }
        assertTrue(bar(0.1f) in 440..480) // of 2 * (320 - 32) pixels
        assertTrue(bar(0.25f) in 270..290) // as near as it must be: half
        assertTrue(bar(0.3f) in 200..240)
        assertTrue(bar(2f) in 1..20)
        assertEquals(0, bar(null))
    }

    @Test
    fun `texts stand out from their card`() {
        for (palette in listOf(Palette.LIGHT, Palette.DARK)) {
            for (color in listOf(palette.text, palette.faint, palette.unknown)) {
                val contrast = contrast(color, palette.card)
                assertTrue(contrast >= 4.5, "${Integer.toHexString(color)}: $contrast")
            }
        }
    }

    /** WCAG 2.1, contrast ratio. */
    private fun contrast(a: Int, b: Int): Double {
        val (low, high) = listOf(luminance(a), luminance(b)).sorted()
        return (high + 0.05) / (low + 0.05)
    }

    private fun luminance(color: Int): Double {
        val (r, g, b) = listOf(16, 8, 0).map { shift ->
            val c = (color ushr shift and 0xff) / 255.0
            if (c <= 0.03928) c / 12.92 else ((c + 0.055) / 1.055).pow(2.4)
        }
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
}
