// vector_decode: one form for the five commands of the vector engine.
//   what a class lacks gets a neutral value: a 1x1 window, factor 1, no bias, full range; ADD and MAXIMUM go through the
//   requantizer with factor 1; the two operands of ADD and MULTIPLY are the two columns of a window
// Golden: accel_models.commands (layout) and the refusals of accel_models.golden.vector. Latency 0.
// Combinational path: command_i -> settings_o. Register operands have been replaced by their values.
`default_nettype none
module vector_decode #(
  parameter int unsigned MultW = 31  // 31, or 16: then the low 16 bits of every multiplier must be zero
) (
  // Token masks and register flags are not for the engine.
  // verilator lint_off UNUSEDSIGNAL
  input  wire logic                 [511:0] command_i,
  // verilator lint_on UNUSEDSIGNAL
  output      vector_pkg::settings_t        settings_o
);
  localparam logic [30:0] One    = 31'd1 << 30;  // with shift 30: arithmetic.IDENTITY
  localparam logic [30:0] Forbid = (MultW == 16) ? 31'hFFFF : 31'd0;

  logic [7:0] opcode;
  logic [1:0] elementwise;
  logic operates, adds, maximum, bad_add, bad_scale;
  assign opcode      = command_i[7:0];
  assign operates    = opcode == accel_pkg::OpcodeElementwise;
  assign elementwise = command_i[accel_pkg::ElementwiseFunctionLsb +: 2];
  assign adds        = operates && elementwise == accel_pkg::FunctionAdd;
  assign maximum     = command_i[accel_pkg::PoolFunctionLsb] == accel_pkg::PoolingMaximum;

  always_comb begin
    settings_o               = '0;
    settings_o.kind          = vector_pkg::KindSet;
    settings_o.width         = 12'd1;
    settings_o.kernel_height = 8'd1;
    settings_o.kernel_width  = 8'd1;
    settings_o.input_height  = '1;
    settings_o.input_width   = '1;
    settings_o.stride_y      = 8'd1;
    settings_o.stride_x      = 8'd1;
    settings_o.mult          = One;
    settings_o.shift         = 6'd30;
    settings_o.low           = 8'h80;
    settings_o.high          = 8'h7F;
    unique case (opcode)
      accel_pkg::OpcodeRequantize: begin
        settings_o.kind                = vector_pkg::KindRequantize;
        settings_o.sums                = 1'b1;
        settings_o.per_channel         = 1'b1;
        settings_o.reads               = command_i[accel_pkg::RequantizeResidualLsb];
        settings_o.add                 = command_i[accel_pkg::RequantizeResidualLsb];
        settings_o.table_used          = command_i[accel_pkg::RequantizeTableLsb];
        settings_o.height              = command_i[accel_pkg::RequantizeHeightLsb +: 12];
        settings_o.width               = command_i[accel_pkg::RequantizeWidthLsb +: 12];
        settings_o.columns             = command_i[accel_pkg::RequantizeColumnsLsb +: 16];
        settings_o.input_address       = command_i[accel_pkg::RequantizeResidualAddressLsb +: 20];
        settings_o.input_row_stride    = command_i[accel_pkg::RequantizeResidualRowStrideLsb +: 20];
        settings_o.input_pixel_stride  = command_i[accel_pkg::RequantizeResidualPixelStrideLsb +: 16];
        settings_o.output_address      = command_i[accel_pkg::RequantizeOutputAddressLsb +: 20];
        settings_o.output_row_stride   = command_i[accel_pkg::RequantizeOutputRowStrideLsb +: 20];
        settings_o.output_pixel_stride = command_i[accel_pkg::RequantizeOutputPixelStrideLsb +: 16];
        settings_o.accumulator         = command_i[accel_pkg::RequantizeAccumulatorLsb +: 12];
        settings_o.parameters          = command_i[accel_pkg::RequantizeParametersLsb +: 20];
        settings_o.table_address       = command_i[accel_pkg::RequantizeTableAddressLsb +: 20];
        settings_o.double_rounding     = command_i[accel_pkg::RequantizeDoubleLsb];
        settings_o.zero_point          = command_i[accel_pkg::RequantizeZeroPointLsb +: 8];
        settings_o.low                 = command_i[accel_pkg::RequantizeLowLsb +: 8];
        settings_o.high                = command_i[accel_pkg::RequantizeHighLsb +: 8];
        settings_o.zero_a              = command_i[accel_pkg::RequantizeZeroPointLsb +: 8];
        settings_o.zero_b              = command_i[accel_pkg::RequantizeZeroBLsb +: 8];
        settings_o.mult_a              = command_i[accel_pkg::RequantizeMultiplierALsb +: 31];
        settings_o.mult_b              = command_i[accel_pkg::RequantizeMultiplierBLsb +: 31];
        settings_o.add_shift           = command_i[accel_pkg::RequantizeAddShiftLsb +: 6];
        settings_o.add_zero            = command_i[accel_pkg::RequantizeAddZeroLsb +: 8];
        settings_o.add_low             = command_i[accel_pkg::RequantizeAddLowLsb +: 8];
        settings_o.add_high            = command_i[accel_pkg::RequantizeAddHighLsb +: 8];
      end
      accel_pkg::OpcodeElementwise: begin
        settings_o.kind                = adds ? vector_pkg::KindAdd :
                                         (elementwise == accel_pkg::FunctionMultiply) ? vector_pkg::KindMultiply :
                                         vector_pkg::KindRescale;
        settings_o.reads               = 1'b1;
        settings_o.add                 = adds;
        settings_o.second              = elementwise == accel_pkg::FunctionAdd ||
                                         elementwise == accel_pkg::FunctionMultiply;
        settings_o.kernel_width        = settings_o.second ? 8'd2 : 8'd1;
        settings_o.table_used          = command_i[accel_pkg::ElementwiseTableLsb];
        settings_o.height              = command_i[accel_pkg::ElementwiseHeightLsb +: 12];
        settings_o.width               = command_i[accel_pkg::ElementwiseWidthLsb +: 12];
        settings_o.columns             = command_i[accel_pkg::ElementwiseColumnsLsb +: 16];
        settings_o.input_address       = command_i[accel_pkg::ElementwiseAAddressLsb +: 20];
        settings_o.input_row_stride    = command_i[accel_pkg::ElementwiseARowStrideLsb +: 20];
        settings_o.input_pixel_stride  = command_i[accel_pkg::ElementwiseAPixelStrideLsb +: 16];
        settings_o.b_address           = command_i[accel_pkg::ElementwiseBAddressLsb +: 20];
        settings_o.b_row_stride        = command_i[accel_pkg::ElementwiseBRowStrideLsb +: 20];
        settings_o.b_pixel_stride      = command_i[accel_pkg::ElementwiseBPixelStrideLsb +: 16];
        settings_o.output_address      = command_i[accel_pkg::ElementwiseOutputAddressLsb +: 20];
        settings_o.output_row_stride   = command_i[accel_pkg::ElementwiseOutputRowStrideLsb +: 20];
        settings_o.output_pixel_stride = command_i[accel_pkg::ElementwiseOutputPixelStrideLsb +: 16];
        settings_o.table_address       = command_i[accel_pkg::ElementwiseTableAddressLsb +: 20];
        settings_o.zero_a              = command_i[accel_pkg::ElementwiseZeroALsb +: 8];
        settings_o.zero_b              = command_i[accel_pkg::ElementwiseZeroBLsb +: 8];
        if (adds) begin
          settings_o.mult_a            = command_i[accel_pkg::ElementwiseMultiplierALsb +: 31];
          settings_o.mult_b            = command_i[accel_pkg::ElementwiseMultiplierBLsb +: 31];
          settings_o.add_shift         = command_i[accel_pkg::ElementwiseShiftLsb +: 6];
          settings_o.add_zero          = command_i[accel_pkg::ElementwiseZeroPointLsb +: 8];
          settings_o.add_low           = command_i[accel_pkg::ElementwiseLowLsb +: 8];
          settings_o.add_high          = command_i[accel_pkg::ElementwiseHighLsb +: 8];
        end else begin
          settings_o.mult              = command_i[accel_pkg::ElementwiseMultiplierALsb +: 31];
          settings_o.shift             = command_i[accel_pkg::ElementwiseShiftLsb +: 6];
          settings_o.zero_point        = command_i[accel_pkg::ElementwiseZeroPointLsb +: 8];
          settings_o.low               = command_i[accel_pkg::ElementwiseLowLsb +: 8];
          settings_o.high              = command_i[accel_pkg::ElementwiseHighLsb +: 8];
          settings_o.double_rounding   = command_i[accel_pkg::ElementwiseDoubleLsb];
        end
      end
      accel_pkg::OpcodePool: begin
        settings_o.kind                = maximum ? vector_pkg::KindMaximum : vector_pkg::KindAverage;
        settings_o.reads               = 1'b1;
        settings_o.table_used          = command_i[accel_pkg::PoolTableLsb];
        settings_o.height              = command_i[accel_pkg::PoolHeightLsb +: 12];
        settings_o.width               = command_i[accel_pkg::PoolWidthLsb +: 12];
        settings_o.columns             = command_i[accel_pkg::PoolColumnsLsb +: 16];
        settings_o.kernel_height       = command_i[accel_pkg::PoolKernelHeightLsb +: 8];
        settings_o.kernel_width        = command_i[accel_pkg::PoolKernelWidthLsb +: 8];
        settings_o.input_address       = command_i[accel_pkg::PoolInputAddressLsb +: 20];
        settings_o.input_row_stride    = command_i[accel_pkg::PoolInputRowStrideLsb +: 20];
        settings_o.input_pixel_stride  = command_i[accel_pkg::PoolInputPixelStrideLsb +: 16];
        settings_o.input_height        = command_i[accel_pkg::PoolInputHeightLsb +: 16];
        settings_o.input_width         = command_i[accel_pkg::PoolInputWidthLsb +: 16];
        settings_o.origin_y            = command_i[accel_pkg::PoolOriginYLsb +: 16];
        settings_o.origin_x            = command_i[accel_pkg::PoolOriginXLsb +: 16];
        settings_o.stride_y            = command_i[accel_pkg::PoolStrideYLsb +: 8];
        settings_o.stride_x            = command_i[accel_pkg::PoolStrideXLsb +: 8];
        settings_o.output_address      = command_i[accel_pkg::PoolOutputAddressLsb +: 20];
        settings_o.output_row_stride   = command_i[accel_pkg::PoolOutputRowStrideLsb +: 20];
        settings_o.output_pixel_stride = command_i[accel_pkg::PoolOutputPixelStrideLsb +: 16];
        settings_o.table_address       = command_i[accel_pkg::PoolTableAddressLsb +: 20];
        settings_o.low                 = command_i[accel_pkg::PoolLowLsb +: 8];
        settings_o.high                = command_i[accel_pkg::PoolHighLsb +: 8];
        if (!maximum) begin
          settings_o.bias              = command_i[accel_pkg::PoolBiasLsb +: 32];
          settings_o.mult              = command_i[accel_pkg::PoolMultiplierLsb +: 31];
          settings_o.shift             = command_i[accel_pkg::PoolShiftLsb +: 6];
          settings_o.zero_point        = command_i[accel_pkg::PoolZeroPointLsb +: 8];
          settings_o.double_rounding   = command_i[accel_pkg::PoolDoubleLsb];
        end
      end
      accel_pkg::OpcodeRange: begin
        settings_o.kind                = vector_pkg::KindRange;
        settings_o.sums                = 1'b1;
        settings_o.to_register         = 1'b1;
        settings_o.height              = command_i[accel_pkg::RangeEntriesLsb +: 12];
        settings_o.columns             = command_i[accel_pkg::RangeColumnsLsb +: 16];
        settings_o.accumulator         = command_i[accel_pkg::RangeAccumulatorLsb +: 12];
        settings_o.destination         = command_i[accel_pkg::RangeDestinationLsb +: 5];
      end
      default: begin  // SetRegister
        settings_o.to_register         = 1'b1;
        settings_o.destination         = command_i[accel_pkg::SetRegisterDestinationLsb +: 5];
        settings_o.value               = command_i[accel_pkg::SetRegisterValueLsb +: 32];
      end
    endcase

    // Without windows nothing happens; a window without taps is refused by the checker and must not hang the engine.
    settings_o.empty = settings_o.height == '0 || settings_o.width == '0 || settings_o.columns == '0 ||
                       settings_o.kernel_height == '0 || settings_o.kernel_width == '0;
    bad_add   = settings_o.add_shift == 6'd0 || settings_o.add_shift == 6'd63 ||
                (settings_o.mult_a & Forbid) != '0 || (settings_o.mult_b & Forbid) != '0;
    bad_scale = settings_o.shift == 6'd0 || settings_o.shift == 6'd63 || (settings_o.mult & Forbid) != '0;
    settings_o.illegal = (operates && elementwise == 2'd3) || (settings_o.add && bad_add) || bad_scale;
    if (settings_o.empty && !operates) settings_o.illegal = 1'b0;  // golden looks at the sizes first, but for operands
  end
endmodule
`default_nettype wire
