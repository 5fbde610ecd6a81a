package org.tinyaudiossl.demo.drawing

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue

/** The screens of the federated build, with its own layouts and texts. */
class FederationScreensTest {
    private val resources = Resources(System.getProperty("res") ?: "src/main/res:src/federated/res")

    @Test
    fun `every text of the screens fits its width, in each language, also when large`() {
        for (values in listOf("values", "values-de", "values-es")) {
            val look = Look(values, values, "values", Palette.LIGHT, 1f, resources)
            for ((layout, shown) in listOf("federation" to federation(look), "history" to history(look))) {
                for (scale in listOf(1f, 2f)) {
                    val surface = ImageSurface(360, 2_400, fontScale = scale)
                    Screen(resources, layout, Palette.LIGHT, 0).draw(surface, shown)
                    val where = "$layout, $values, $scale: ${surface.furthest}"
                    assertTrue(surface.furthest <= surface.width - 12 * surface.dp, where)
                }
            }
        }
    }

    @Test
    fun `what leaves the phone is said in three sentences`() {
        for (values in listOf("values", "values-de", "values-es")) {
            val text = resources.strings(values).getValue("what_leaves")
            assertEquals(3, text.split(Regex("[.](\\s+|$)")).count(String::isNotEmpty), text)
        }
    }

    @Test
    fun `a bar is as long as its share, and of another color when it is full`() {
        fun length(share: Float, color: Int): Int {
            val surface = ImageSurface(320, 120)
            OverviewScene(Palette.LIGHT).draw(surface, Overview("x", false, listOf(Bar("y", share))))
            val image = surface.image
            return (0 until image.height).maxOf { y -> (0 until image.width).count { image.getRGB(it, y) == color } }
        }
        assertEquals(0, length(0f, Palette.LIGHT.accent))
        assertTrue(length(0.5f, Palette.LIGHT.accent) in 280..290) // of 2 * (320 - 32) pixels
        assertTrue(length(1.5f, Palette.LIGHT.unknown) in 570..576)
    }
}
