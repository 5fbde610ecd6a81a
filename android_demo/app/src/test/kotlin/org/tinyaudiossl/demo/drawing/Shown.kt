package org.tinyaudiossl.demo.drawing

/** What a view of the app draws itself; [height] is the least that it takes. */
class Drawing(val height: (Surface) -> Float, val grows: Boolean = false, val draw: (Surface) -> Unit)

/**
 * A screen's texts and settings at one moment.
 *
 * @param strings of the language, by name.
 * @param texts of views whose text the code sets, by id.
 * @param drawings of views that draw themselves, by the name of their class.
 * @param sliders how far each is to the right, 0..1, by id.
 * @param on the ids of switches that are on.
 * @param rows the texts of each row that the code adds, by id.
 */
class Shown(
    val strings: Map<String, String>,
    val texts: Map<String, String> = emptyMap(),
    val drawings: Map<String, Drawing> = emptyMap(),
    val sliders: Map<String, Float> = emptyMap(),
    val on: Set<String> = emptySet(),
    val rows: List<Map<String, String>> = emptyList(),
) {
    companion object {
        /** The main screen. */
        fun main(
            strings: Map<String, String>, texts: Map<String, String>, palette: Palette, live: Live, threshold: Float,
        ) = Shown(
            strings,
            texts,
            mapOf("LiveView" to Drawing({ 280 * it.dp }, grows = true) { LiveScene(palette).draw(it, live) }),
            mapOf("threshold" to threshold / 0.3f),
        )
    }
}
