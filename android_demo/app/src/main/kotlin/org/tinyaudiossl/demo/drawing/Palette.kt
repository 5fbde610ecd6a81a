package org.tinyaudiossl.demo.drawing

/** Colours of a scene; text on card has a contrast of at least 4.5 to 1. */
class Palette(
    val card: Int,
    val text: Int,
    val faint: Int,
    val accent: Int,
    val unknown: Int,
    val track: Int,
    private val cold: Int,
    private val neutral: Int,
    private val warm: Int,
) {
    /** For -1..1, from cold over neutral to warm. */
    fun diverging(value: Float): Int =
        if (value < 0) mix(neutral, cold, -value) else mix(neutral, warm, value)

    companion object {
        val LIGHT = Palette(
            card = 0xFFFFFFFF.toInt(), text = 0xFF16202A.toInt(), faint = 0xFF56616D.toInt(),
            accent = 0xFF1F5F99.toInt(), unknown = 0xFF8A5A00.toInt(), track = 0xFFE3E8EE.toInt(),
            cold = 0xFF2166AC.toInt(), neutral = 0xFFF3F5F7.toInt(), warm = 0xFFB2182B.toInt(),
        )
        val DARK = Palette(
            card = 0xFF1E2329.toInt(), text = 0xFFEEF2F6.toInt(), faint = 0xFFA9B4BF.toInt(),
            accent = 0xFF8CC4F5.toInt(), unknown = 0xFFF0C36D.toInt(), track = 0xFF323A43.toInt(),
            cold = 0xFF4393E0.toInt(), neutral = 0xFF20262C.toInt(), warm = 0xFFF0605A.toInt(),
        )
    }
}

private fun mix(from: Int, to: Int, share: Float): Int {
    val t = share.coerceIn(0f, 1f)
    return (0..24 step 8).fold(0) { color, shift ->
        val a = from ushr shift and 0xff
        val b = to ushr shift and 0xff
        color or ((a + t * (b - a)).toInt() shl shift)
    }
}
