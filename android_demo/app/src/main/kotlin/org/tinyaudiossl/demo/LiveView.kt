package org.tinyaudiossl.demo

import android.content.Context
import android.content.res.Configuration
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.Typeface
import android.util.AttributeSet
import android.view.View
import org.tinyaudiossl.demo.drawing.Live
import org.tinyaudiossl.demo.drawing.LiveScene
import org.tinyaudiossl.demo.drawing.Palette
import org.tinyaudiossl.demo.drawing.Surface

/** Shows a [Live]; what it looks like is in `drawing`. */
class LiveView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val scene = LiveScene(palette)
    private val surface = CanvasSurface(this)

    var live: Live? = null
        set(value) {
            field = value
            invalidate()
        }

    override fun onDraw(canvas: Canvas) {
        super.onDraw(canvas)
        live?.let { scene.draw(surface.on(canvas), it) }
    }
}

/** The colors of the user's light or dark theme. */
internal val View.palette: Palette get() {
    val mode = resources.configuration.uiMode and Configuration.UI_MODE_NIGHT_MASK
    return if (mode == Configuration.UI_MODE_NIGHT_YES) Palette.DARK else Palette.LIGHT
}

/** What a [view] draws itself on. */
internal class CanvasSurface(private val view: View) : Surface {
    private val paint = Paint(Paint.ANTI_ALIAS_FLAG)
    private lateinit var canvas: Canvas

    override val width get() = view.width.toFloat()
    override val height get() = view.height.toFloat()
    override val dp get() = view.resources.displayMetrics.density
    override val sp get() = dp * view.resources.configuration.fontScale

    fun on(canvas: Canvas) = apply { this.canvas = canvas }

    override fun rectangle(left: Float, top: Float, right: Float, bottom: Float, color: Int, radius: Float) {
        paint.color = color
        canvas.drawRoundRect(left, top, right, bottom, radius, radius, paint)
    }

    override fun text(text: String, x: Float, y: Float, size: Float, color: Int, bold: Boolean) {
        paint.color = color
        style(size, bold)
        canvas.drawText(text, x, y, paint)
    }

    override fun textWidth(text: String, size: Float, bold: Boolean): Float {
        style(size, bold)
        return paint.measureText(text)
    }

    private fun style(size: Float, bold: Boolean) {
        paint.textSize = size
        paint.typeface = if (bold) Typeface.DEFAULT_BOLD else Typeface.DEFAULT
    }
}
