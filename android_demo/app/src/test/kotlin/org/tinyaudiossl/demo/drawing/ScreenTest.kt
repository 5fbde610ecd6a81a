package org.tinyaudiossl.demo.drawing

import kotlin.test.Test
import kotlin.test.assertTrue

/** The app's own layout and texts; `-Dres` names the folder of its resources. */
class ScreenTest {
    private val resources = Resources(System.getProperty("res"))

    @Test
    fun `every text of the screen fits its width, in each language, also when large`() {
        for (values in listOf("values", "values-de", "values-es")) {
            for (scale in listOf(1f, 2f)) {
                val texts = resources.strings(values)
                val live = Live(
                    texts.getValue("nothing_taught"), "", null, 0.1f, emptyList(), emptyList(), texts.getValue("level"),
                    texts.getValue("embedding"),
                )
                val set = mapOf("clips" to texts.getValue("clips").format(200, 19_208))
                val surface = ImageSurface(360, 1_600, fontScale = scale)
                Screen(resources, "main", Palette.LIGHT, 0)
                    .draw(surface, Shown.main(texts, set, Palette.LIGHT, live, 0.1f))
                assertTrue(surface.furthest <= surface.width - 12 * surface.dp, "$values, $scale: ${surface.furthest}")
            }
        }
    }
}
